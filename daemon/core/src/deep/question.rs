//! What is asked of a target, and which judge hears the answer.

use serde_json::{Value, json};
use spark_ipc::model::deep::DeepKind;

use super::chat::Transcript;
use super::multipart::{Recording, form};
use super::{
    Target, VOICES_WAV, Verdict, WORDS_WAV, audio, ranking, shown, speakers, vectors, words,
};

/// How long an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// 20 s, and 180 s for the first answer of an engine, which compiles kernels (spark-domain 2.8).
    Answer,
    /// 60 s, as a model may think; who takes longer is not called wrong.
    Thought,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Json(Value),
    /// Content type and bytes.
    Form(String, Vec<u8>),
}

/// Another try of a question that was not understood, or whose answer was cut.
#[derive(Debug, Clone, PartialEq)]
pub enum Retry {
    /// On 404 or 405: the same at another path, with another body.
    NotFound(&'static str, Body),
    /// When the answer ended for want of tokens: with this body.
    RanOut(Body),
}

/// What came back.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    pub status: u16,
    pub content_type: &'a str,
    pub body: &'a [u8],
    /// The completion in it, where one was asked for.
    pub transcript: Option<&'a Transcript>,
}

/// One question, with its judge.
#[derive(Debug, Clone)]
pub struct Question {
    /// Stable name of the check.
    pub name: &'static str,
    pub path: String,
    pub body: Body,
    pub patience: Patience,
    pub retry: Option<Retry>,
    /// Whether the answer is a completion, which may come in pieces.
    pub completion: bool,
    judge: Judge,
}

#[derive(Debug, Clone, Copy)]
enum Judge {
    Answer,
    Product,
    Call,
    Words,
    Sound,
    Vectors(Option<usize>),
    Ranking,
    Speakers,
}

impl Question {
    /// What the reply means.
    pub fn judge(&self, reply: &Reply<'_>) -> Verdict {
        match reply.status {
            200..=299 => {}
            429 => return Verdict::Busy(format!("{} says that it has too much to do", self.path)),
            status => {
                let said = shown(reply.body);
                return Verdict::wrong(format!("{} answered {status}: {said}", self.path));
            }
        }
        let silent = Transcript::default();
        let transcript = reply.transcript.unwrap_or(&silent);
        match self.judge {
            Judge::Answer => transcript.judge_answer(),
            Judge::Product => transcript.judge_product(),
            Judge::Call => transcript.judge_call(),
            Judge::Words => words::judge(reply),
            Judge::Sound => audio::judge(reply),
            Judge::Vectors(expected) => vectors::judge(reply, expected),
            Judge::Ranking => ranking::judge(reply),
            Judge::Speakers => speakers::judge(reply),
        }
    }

    /// What to send next instead of judging, if this reply calls for it.
    pub fn again(&mut self, reply: &Reply<'_>) -> bool {
        let wanted = match &self.retry {
            Some(Retry::NotFound(..)) => matches!(reply.status, 404 | 405),
            Some(Retry::RanOut(_)) => reply
                .transcript
                .is_some_and(|t| t.ran_out() && !matches!(self.judge(reply), Verdict::Right(_))),
            None => false,
        };
        if !wanted {
            return false;
        }
        match self.retry.take() {
            Some(Retry::NotFound(path, body)) => {
                path.clone_into(&mut self.path);
                self.body = body;
            }
            Some(Retry::RanOut(body)) => self.body = body,
            None => {}
        }
        true
    }

    /// Length of the vectors in the reply, where vectors were asked for.
    pub fn dimensions(&self, reply: &Reply<'_>) -> Option<usize> {
        matches!(self.judge, Judge::Vectors(_))
            .then(|| vectors::dimensions(reply.body))
            .flatten()
    }
}

/// Everything that `target` is asked, in this order. `dimensions` is the length of its vectors at an earlier
/// probe. Empty when there is no question for what it does.
pub fn questions(target: &Target, dimensions: Option<usize>) -> Vec<Question> {
    let model = target.model.as_deref().unwrap_or("default");
    match target.kind {
        DeepKind::Chat => chat(model, target.tools),
        DeepKind::Embeddings => vec![embeddings(model, dimensions)],
        DeepKind::Rerank => vec![rerank(model)],
        DeepKind::SpeechToText => vec![transcription(model)],
        DeepKind::Diarizer => vec![diarization(model, target.path.as_deref())],
        DeepKind::TextToSpeech => vec![speech(model)],
        DeepKind::Synthesis => vec![synthesis(None)],
        DeepKind::None => Vec::new(),
    }
}

/// Where a speech engine lists its voices, and whether it must be told one.
pub fn voices_path(kind: DeepKind) -> Option<&'static str> {
    match kind {
        DeepKind::TextToSpeech => Some("/v1/audio/voices"),
        DeepKind::Synthesis => Some("/v1/audio/list_voices"),
        DeepKind::Chat
        | DeepKind::Embeddings
        | DeepKind::Rerank
        | DeepKind::SpeechToText
        | DeepKind::Diarizer
        | DeepKind::None => None,
    }
}

/// `question` with the first voice of the list in `body`; as it is when there is none.
pub fn with_voice(mut question: Question, body: &[u8]) -> Question {
    let Some(voice) = audio::first_voice(body) else {
        return question;
    };
    match &mut question.body {
        Body::Json(json) => json["voice"] = voice.into(),
        Body::Form(..) => question.body = synthesis(Some(&voice)).body,
    }
    question
}

fn ask(name: &'static str, path: &str, body: Body, judge: Judge) -> Question {
    Question {
        name,
        path: path.to_owned(),
        body,
        patience: Patience::Answer,
        retry: None,
        completion: matches!(judge, Judge::Answer | Judge::Product | Judge::Call),
        judge,
    }
}

fn chat(model: &str, tools: bool) -> Vec<Question> {
    const PATH: &str = "/v1/chat/completions";
    let body = |prompt: &str, tokens: u32| {
        json!({
            "model": model, "messages": [{"role": "user", "content": prompt}], "max_tokens": tokens,
            "temperature": 0, "stream": true, "stream_options": {"include_usage": true},
        })
    };
    let plain = |name, prompt, tokens, judge| {
        let mut question = ask(name, PATH, Body::Json(body(prompt, tokens)), judge);
        question.retry = Some(Retry::RanOut(Body::Json(body(prompt, 2048))));
        question
    };
    let answer = plain(
        "answer",
        "Reply with the single word OK.",
        64,
        Judge::Answer,
    );
    let prompt = "What is 12*17? Answer with the number only.";
    let mut arithmetic = plain("arithmetic", prompt, 512, Judge::Product);
    arithmetic.patience = Patience::Thought;
    let mut all = vec![answer, arithmetic];
    if tools {
        let mut body = body("What is the weather in Paris now? Use the tool.", 1024);
        body["tools"] = json!([{"type": "function", "function": {
            "name": "get_weather", "description": "The weather in a city, now.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        }}]);
        body["tool_choice"] = "auto".into();
        // The pieces of a streamed call differ between parsers; a whole one does not.
        body["stream"] = false.into();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("stream_options");
        }
        let mut call = ask("tools", PATH, Body::Json(body), Judge::Call);
        call.patience = Patience::Thought;
        all.push(call);
    }
    all
}

fn embeddings(model: &str, dimensions: Option<usize>) -> Question {
    let body = json!({"model": model, "input": vectors::TEXTS, "encoding_format": "float"});
    let judge = Judge::Vectors(dimensions);
    ask("embeddings", "/v1/embeddings", Body::Json(body), judge)
}

fn rerank(model: &str) -> Question {
    let (query, documents) = (ranking::QUERY, ranking::DOCUMENTS);
    let body = json!({"model": model, "query": query, "documents": documents});
    let mut question = ask("rerank", "/v1/rerank", Body::Json(body), Judge::Ranking);
    // text-embeddings-inference calls the documents texts, and has no version in the path.
    let tei = json!({"query": query, "texts": documents});
    question.retry = Some(Retry::NotFound("/rerank", Body::Json(tei)));
    question
}

fn transcription(model: &str) -> Question {
    let fields = [
        ("model", model),
        ("language", "en"),
        ("response_format", "json"),
    ];
    let recording = Recording {
        name: "words.wav",
        bytes: WORDS_WAV,
    };
    let (kind, bytes) = form(&fields, Some(recording));
    ask(
        "transcription",
        "/v1/audio/transcriptions",
        Body::Form(kind, bytes),
        Judge::Words,
    )
}

fn diarization(model: &str, path: Option<&str>) -> Question {
    let recording = Recording {
        name: "voices.wav",
        bytes: VOICES_WAV,
    };
    let (kind, bytes) = form(&[("model", model)], Some(recording));
    let path = path.unwrap_or("/v1/audio/diarization");
    let mut question = ask(
        "diarization",
        path,
        Body::Form(kind, bytes),
        Judge::Speakers,
    );
    question.patience = Patience::Thought;
    question
}

fn speech(model: &str) -> Question {
    let body = json!({"model": model, "input": audio::TEXT, "response_format": "wav"});
    ask("speech", "/v1/audio/speech", Body::Json(body), Judge::Sound)
}

fn synthesis(voice: Option<&str>) -> Question {
    let mut fields = vec![("language", "en-US"), ("text", audio::TEXT)];
    fields.extend(voice.map(|voice| ("voice", voice)));
    let (kind, bytes) = form(&fields, None);
    let body = Body::Form(kind, bytes);
    ask("speech", "/v1/audio/synthesize", body, Judge::Sound)
}
