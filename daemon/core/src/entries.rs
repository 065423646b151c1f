//! YAML files that are one block list under one key: read entry by entry, and changed entry by entry.
//!
//! A YAML parser stops at the first mistake, so the list is cut into its entries first. Whoever parses an entry
//! blanks the others out: its line numbers stay true and a mistake (a tab, an open quote) stays its own. The
//! same cut lets one entry be replaced while the others keep their comments. Entries can share no anchors.

/// Where the entries of the block list under a key are, by line (from 0, half open).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) key_line: usize,
    pub(crate) entries: Vec<(usize, usize)>,
}

/// The block list under `key`; `None` when there is none (an empty file, another style).
pub(crate) fn list(text: &str, key: &str) -> Option<List> {
    let lines: Vec<&str> = text.lines().collect();
    let is_key = |l: &&str| {
        let before = l.trim_end().split(" #").next().map(str::trim_end);
        before.and_then(|l| l.strip_suffix(':')) == Some(key)
    };
    let key_line = lines.iter().position(is_key)?;
    let is_content = |l: &str| !l.trim().is_empty() && !l.trim_start().starts_with('#');
    let first =
        (key_line + 1..lines.len()).find(|i| lines.get(*i).is_some_and(|l| is_content(l)))?;
    let indent = indent_of(lines.get(first)?);
    let starts_entry = |l: &str| indent_of(l) == indent && l.trim_start().starts_with('-');
    let ends_list = |l: &str| is_content(l) && indent_of(l) <= indent && !starts_entry(l);
    if !starts_entry(lines.get(first)?) {
        return None;
    }
    let end = (first..lines.len())
        .find(|i| lines.get(*i).is_some_and(|l| ends_list(l)))
        .unwrap_or(lines.len());
    let starts: Vec<usize> = (first..end)
        .filter(|i| lines.get(*i).is_some_and(|l| starts_entry(l)))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([end]);
    Some(List {
        key_line,
        entries: starts.iter().copied().zip(ends).collect(),
    })
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// `text` with every line emptied that is not to be kept.
pub(crate) fn blanked(text: &str, keep: impl Fn(usize) -> bool) -> String {
    let kept = text
        .lines()
        .enumerate()
        .map(|(i, l)| if keep(i) { l } else { "" });
    kept.flat_map(|l| [l, "\n"]).collect()
}

/// `text` with the lines of `range` replaced by `with`; every other byte stays.
pub(crate) fn spliced(text: &str, range: (usize, usize), with: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let before = lines.iter().take(range.0);
    let after = lines.iter().skip(range.1);
    let mut made: String = before.copied().collect();
    if !made.is_empty() && !made.ends_with('\n') {
        made.push('\n');
    }
    made.push_str(with);
    made.extend(after.copied());
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# head\nlist: # of things\n\n  - name: a\n    x: 1\n  # about b\n  - name: b\nother: 1\n";

    #[test]
    fn entries_are_found_by_their_indent() {
        let found = list(TEXT, "list").unwrap();
        assert_eq!((found.key_line, found.entries), (1, vec![(3, 6), (6, 7)]));
        assert_eq!(list(TEXT, "lis"), None);
        assert_eq!(list("list: [1, 2]\n", "list"), None);
    }

    #[test]
    fn one_entry_is_replaced_and_the_rest_keeps_every_byte() {
        let made = spliced(TEXT, (6, 7), "  - name: c\n");
        assert_eq!(made, TEXT.replace("- name: b", "- name: c"));
        assert_eq!(spliced("a", (1, 1), "b\n"), "a\nb\n");
    }

    #[test]
    fn blanking_keeps_the_line_numbers() {
        assert_eq!(blanked("a\nb\nc", |line| line == 1), "\nb\n\n");
    }
}
