//! Text with a tone: what both the command line and the terminal client print.
//!
//! A [`Tone`] says what a word means (good, busy, bad…), not its colour; each surface has its own
//! colours for it, or none. Meaning never rests on colour alone: every state also has a glyph and a word.
//! Glyphs outside ASCII are chosen from a small set for which [`ascii`] has a stand-in of the same width.

use unicode_width::UnicodeWidthStr;

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    #[default]
    Plain,
    Strong,
    Dim,
    Good,
    Busy,
    Warn,
    Bad,
}

/// A piece of text in one tone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Span {
    pub tone: Tone,
    pub text: String,
}

impl Span {
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self {
            tone,
            text: text.into(),
        }
    }
}

impl<T: Into<String>> From<T> for Span {
    fn from(text: T) -> Self {
        Self::new(Tone::Plain, text)
    }
}

/// One line of spans.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line(pub Vec<Span>);

impl Line {
    pub fn plain(text: impl Into<String>) -> Self {
        Self::default().add(Tone::Plain, text)
    }

    pub fn of(tone: Tone, text: impl Into<String>) -> Self {
        Self::default().add(tone, text)
    }

    /// The line with one more span.
    #[must_use]
    pub fn add(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.0.push(Span::new(tone, text));
        self
    }

    /// The line with another one behind it.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Its text alone.
    pub fn text(&self) -> String {
        self.0.iter().map(|s| s.text.as_str()).collect()
    }

    /// Columns it takes.
    pub fn width(&self) -> usize {
        self.0.iter().map(|s| s.text.width()).sum()
    }
}

/// The ASCII stand-in for a character, of the same width; `?` for letters of other scripts.
pub fn ascii(c: char) -> char {
    match c {
        c if c.is_ascii() => c,
        '●' => '*',
        '◐' => '~',
        '○' => 'o',
        '✖' => 'x',
        '✔' => 'v',
        '▲' => '!',
        '▶' | '→' | '›' => '>',
        '–' | '—' | '─' | '░' | '▄' => '-',
        '·' | '▂' | '…' => '.',
        '▁' => '_',
        '▃' => ':',
        '▅' | '▓' | '━' => '=',
        '▆' => '+',
        '▇' => '*',
        '█' => '#',
        '│' | '┃' => '|',
        '\u{2500}'..='\u{257f}' => '+',
        '°' | '\u{a0}' => ' ',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stand_in_is_ascii_and_as_wide() {
        for c in "●◐○✖✔▲▶→›–—─░▄·▂…▁▃▅▓━▆▇█│┃┌┐└┘┏┓┗┛°é".chars()
        {
            let stand_in = ascii(c);
            assert!(stand_in.is_ascii(), "{c}");
            assert_eq!(
                stand_in.to_string().width(),
                c.to_string().width(),
                "{c} has another width"
            );
        }
    }
}
