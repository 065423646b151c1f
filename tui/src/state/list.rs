//! A cursor in a list that changes under it.

/// The chosen entry, by its key: when the list is sorted anew or grows, the choice stays with the entry;
/// when the entry goes, it stays at the place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    key: Option<String>,
    index: usize,
}

impl Cursor {
    /// The place of the choice among `keys`; 0 when there are none.
    pub fn place(&self, keys: &[&str]) -> usize {
        let by_key = self
            .key
            .as_deref()
            .and_then(|key| keys.iter().position(|k| *k == key));
        by_key.unwrap_or_else(|| self.index.min(keys.len().saturating_sub(1)))
    }

    /// Moves the choice by `by` entries, not beyond the ends.
    pub fn step(&mut self, keys: &[&str], by: isize) {
        let last = keys.len().saturating_sub(1);
        self.index = self.place(keys).saturating_add_signed(by).min(last);
        self.key = keys.get(self.index).map(|k| (*k).to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_stays_with_its_entry() {
        let mut cursor = Cursor::default();
        cursor.step(&["a", "b", "c"], 1);
        assert_eq!(cursor.place(&["c", "b", "a", "x"]), 1);
        assert_eq!(cursor.place(&["x", "b"]), 1);
        assert_eq!(cursor.place(&["x"]), 0, "its entry is gone");
        assert_eq!(cursor.place(&[]), 0);
        cursor.step(&["a", "b", "c"], isize::MAX);
        assert_eq!(cursor.place(&["a", "b", "c"]), 2);
        cursor.step(&["a", "b", "c"], isize::MIN);
        assert_eq!(cursor.place(&["a", "b", "c"]), 0);
    }
}
