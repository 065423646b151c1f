//! A stand-in tokenizer: words with their leading space, long ones in pieces, each sign by itself.
//!
//! It keeps what clients see of a real one: pieces join to the text, and a token is about four letters.

/// Letters in one token at most.
const LONGEST: usize = 6;

/// `text` cut into tokens; joined they are `text`.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut room = 0;
    let mut after_space = false;
    for c in text.chars() {
        let joins = c.is_alphanumeric() && (room > 0 || after_space);
        match found.last_mut() {
            Some(last) if joins => {
                last.push(c);
                room = if after_space { LONGEST } else { room } - 1;
            }
            _ => {
                found.push(c.to_string());
                room = if c.is_alphanumeric() { LONGEST - 1 } else { 0 };
            }
        }
        after_space = c == ' ';
    }
    found
}

/// How many tokens `text` has.
pub(crate) fn count(text: &str) -> u64 {
    tokens(text).len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_join_to_the_text() {
        for text in [
            "",
            "OK",
            "Hello, world!",
            "  two  spaces\n",
            "internationalisation",
            "zwölf Ärzte 漢字",
        ] {
            assert_eq!(tokens(text).concat(), text, "{text:?}");
        }
    }

    #[test]
    fn words_are_one_token_and_long_words_several() {
        assert_eq!(tokens("12*17 is"), ["12", "*", "17", " is"]);
        assert_eq!(
            tokens("a internationalisation"),
            ["a", " intern", "ationa", "lisati", "on"]
        );
    }
}
