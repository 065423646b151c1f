//! One row of the table of families.

use spark_ipc::model::infer::Confidence;

use super::Clues;

type Condition = fn(&Clues<'_>) -> bool;

/// What a family needs.
#[derive(Debug)]
pub(in crate::infer) struct Family {
    pub(in crate::infer) name: &'static str,
    pub(super) types: &'static [&'static str],
    /// Beginnings of architectures.
    pub(super) architectures: &'static [&'static str],
    /// What else must hold.
    pub(super) when: Option<Condition>,
    /// Whether the name alone may tell it.
    pub(super) by_name: bool,
    pub(super) tool: Option<&'static str>,
    pub(super) reasoning: Reasoning,
    /// The reasoning parser of images that do not have the first one yet.
    pub(in crate::infer) older_reasoning: Option<&'static str>,
    /// How sure the parsers are.
    pub(in crate::infer) confidence: Confidence,
    pub(in crate::infer) flags: &'static [Flag],
    pub(in crate::infer) offers: &'static [Flag],
    pub(in crate::infer) notes: &'static [Note],
    pub(in crate::infer) image: Image,
    /// Mistral's own formats, where the files are there.
    pub(in crate::infer) mistral_format: bool,
    /// The chat template is part of the engine, not of the files.
    pub(in crate::infer) own_template: bool,
}

/// The reasoning parser of a family.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reasoning {
    None,
    Always(&'static str),
    When {
        parser: &'static str,
        thinks: Condition,
        otherwise: &'static str,
    },
}

/// A flag of a family.
#[derive(Debug)]
pub(in crate::infer) struct Flag {
    pub(in crate::infer) name: &'static str,
    pub(in crate::infer) value: &'static str,
    pub(in crate::infer) why: &'static str,
}

/// Something to know of a family.
#[derive(Debug)]
pub(in crate::infer) struct Note {
    pub(in crate::infer) code: &'static str,
    pub(in crate::infer) message: &'static str,
    pub(in crate::infer) fix: &'static str,
}

/// What image a family needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::infer) enum Image {
    Any,
    /// One with transformers 5.
    Transformers5,
    /// Runs in others, best in this one.
    Prefer(&'static str),
    /// Is known to run in this one alone.
    Need(&'static str),
}

/// A family with nothing but its parsers.
pub(super) const fn family(
    name: &'static str,
    tool: Option<&'static str>,
    reasoning: Option<&'static str>,
) -> Family {
    Family {
        name,
        types: &[],
        architectures: &[],
        when: None,
        by_name: false,
        tool,
        reasoning: match reasoning {
            Some(parser) => Reasoning::Always(parser),
            None => Reasoning::None,
        },
        older_reasoning: None,
        confidence: Confidence::Likely,
        flags: &[],
        offers: &[],
        notes: &[],
        image: Image::Any,
        mistral_format: false,
        own_template: false,
    }
}

impl Family {
    pub(super) const fn types(mut self, types: &'static [&'static str]) -> Self {
        self.types = types;
        self
    }

    pub(super) const fn built(mut self, architectures: &'static [&'static str]) -> Self {
        self.architectures = architectures;
        self
    }

    pub(super) const fn when(mut self, condition: Condition) -> Self {
        self.when = Some(condition);
        self
    }

    pub(super) const fn or_named(mut self) -> Self {
        self.by_name = true;
        self
    }

    pub(super) const fn thinks(
        mut self,
        parser: &'static str,
        thinks: Condition,
        otherwise: &'static str,
    ) -> Self {
        self.reasoning = Reasoning::When {
            parser,
            thinks,
            otherwise,
        };
        self
    }

    pub(super) const fn older_reasoning(mut self, parser: &'static str) -> Self {
        self.older_reasoning = Some(parser);
        self
    }

    pub(super) const fn guess(mut self) -> Self {
        self.confidence = Confidence::Guess;
        self
    }

    pub(super) const fn flags(mut self, flags: &'static [Flag]) -> Self {
        self.flags = flags;
        self
    }

    pub(super) const fn offers(mut self, offers: &'static [Flag]) -> Self {
        self.offers = offers;
        self
    }

    pub(super) const fn notes(mut self, notes: &'static [Note]) -> Self {
        self.notes = notes;
        self
    }

    pub(super) const fn image(mut self, image: Image) -> Self {
        self.image = image;
        self
    }

    pub(super) const fn mistral_format(mut self) -> Self {
        self.mistral_format = true;
        self
    }

    pub(super) const fn own_template(mut self) -> Self {
        self.own_template = true;
        self
    }
}

pub(super) const fn flag(name: &'static str, value: &'static str, why: &'static str) -> Flag {
    Flag { name, value, why }
}

pub(super) const fn note(code: &'static str, message: &'static str, fix: &'static str) -> Note {
    Note { code, message, fix }
}
