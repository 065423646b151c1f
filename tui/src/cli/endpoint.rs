//! `endpoint`: what an application needs to use the model, to be copied as it stands.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use serde::Serialize;
use spark_ipc::client::Endpoint;
use spark_ipc::model::status::{ProxyState, Status};
use spark_ipc::version::VersionInfo;

use super::context::Context;
use super::failure::Failure;
use crate::args::Card as Args;
use crate::exit::Exit;
use crate::paint::{Line, Tone};
use crate::trouble::Trouble;
use crate::words;

/// An address for documentation (RFC 5737): a route to it is the route to everywhere.
const ELSEWHERE: &str = "192.0.2.1:9";

/// What is given to a person or an application.
#[derive(Debug, Serialize)]
struct Card {
    base_url: String,
    /// The name that the model answers to; none while none is served.
    model: Option<String>,
    state: ProxyState,
    /// Clients that insist on a key may send any.
    api_key_required: bool,
    curl: String,
    python: String,
}

pub(super) async fn run(context: &mut Context, args: Args) -> Result<Exit, Failure> {
    let status: Status = context.client.get("/api/status").await?;
    let version: VersionInfo = context.client.get("/api/version").await?;
    let door = door(context.client.endpoint(), version.listens.as_deref())?;
    let card = Card::new(&named(&door, args.host.as_deref()), &status);
    let exit = if card.state == ProxyState::Serving {
        Exit::Done
    } else {
        Exit::Degraded
    };
    if context.json {
        context.print_json("spark.endpoint/1", &card)?;
    } else if context.quiet {
        context.out.line(&Line::plain(card.base_url))?;
    } else {
        context.out.lines(&lines(&card))?;
    }
    Ok(exit)
}

impl Card {
    fn new(door: &str, status: &Status) -> Self {
        let base_url = format!("http://{door}/v1");
        let model = status.proxy.model.clone();
        let name = model.as_deref().unwrap_or("MODEL");
        Self {
            curl: curl(&base_url, name),
            python: python(&base_url, name),
            base_url,
            model,
            state: status.proxy.state,
            api_key_required: false,
        }
    }
}

fn curl(base_url: &str, model: &str) -> String {
    format!(
        "curl -sS {base_url}/chat/completions \\\n  -H 'Content-Type: application/json' \\\n  \
         -d '{{\"model\": \"{model}\",\n       \"messages\": [{{\"role\": \"user\", \"content\": \"What is 12*17?\"}}]}}'"
    )
}

fn python(base_url: &str, model: &str) -> String {
    format!(
        "from openai import OpenAI\n\nclient = OpenAI(base_url=\"{base_url}\", api_key=\"none\")\n\
         answer = client.chat.completions.create(\n    model=\"{model}\",\n    \
         messages=[{{\"role\": \"user\", \"content\": \"What is 12*17?\"}}],\n)\n\
         print(answer.choices[0].message.content)"
    )
}

fn lines(card: &Card) -> Vec<Line> {
    let label = |name: &str| Line::of(Tone::Dim, format!("{name:<9}"));
    let state = words::proxy(card.state).span();
    let model = match &card.model {
        Some(model) => label("model")
            .add(Tone::Strong, model.clone())
            .add(Tone::Plain, "  ")
            .add(state.tone, state.text),
        None => label("model").add(state.tone, state.text),
    };
    let mut lines = vec![
        label("base URL").add(Tone::Strong, card.base_url.clone()),
        model,
        label("key").add(
            Tone::Plain,
            "none is asked for; where a client insists, any text",
        ),
    ];
    for (title, text) in [
        ("curl", &card.curl),
        ("Python, with the package openai", &card.python),
    ] {
        lines.extend([Line::default(), Line::of(Tone::Dim, format!("# {title}"))]);
        lines.extend(text.lines().map(Line::plain));
    }
    lines
}

/// Where the TCP door is: what was called, else where the daemon says that it listens.
fn door(called: &Endpoint, listens: Option<&str>) -> Result<String, Trouble> {
    match (called, listens) {
        (Endpoint::Tcp(address), _) => Ok(address.clone()),
        (Endpoint::Socket(_), Some(listens)) => Ok(listens.to_owned()),
        (Endpoint::Socket(_), None) => {
            let text = "the daemon does not tell where it listens";
            Err(Trouble::new(Exit::Failed, "unknown", text).hint("say it: --url HOST:PORT"))
        }
    }
}

/// `door` under another host; an address of zeros becomes the machine's own.
fn named(door: &str, host: Option<&str>) -> String {
    let Some((_, port)) = door.rsplit_once(':') else {
        return door.to_owned();
    };
    let every = door
        .parse::<SocketAddr>()
        .is_ok_and(|a| a.ip().is_unspecified());
    match host {
        Some(host) if host.contains(':') && !host.starts_with('[') => format!("[{host}]:{port}"),
        Some(host) => format!("{host}:{port}"),
        None if every => own_address().map_or_else(
            || format!("127.0.0.1:{port}"),
            |address| format!("{address}:{port}"),
        ),
        None => door.to_owned(),
    }
}

/// The address by which this machine reaches others. Connecting a datagram socket sends nothing.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect(ELSEWHERE).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_door_is_where_an_application_can_knock() {
        let socket = Endpoint::Socket("/s".into());
        assert_eq!(
            door(&socket, Some("10.0.0.5:9999")).unwrap(),
            "10.0.0.5:9999"
        );
        assert!(door(&socket, None).is_err());
        let tcp = Endpoint::Tcp("nas.local:80".to_owned());
        assert_eq!(door(&tcp, Some("0.0.0.0:9999")).unwrap(), "nas.local:80");
        assert_eq!(named("10.0.0.5:9999", None), "10.0.0.5:9999");
        assert_eq!(named("0.0.0.0:9999", Some("nas.local")), "nas.local:9999");
        assert_eq!(named("0.0.0.0:9999", Some("fd00::1")), "[fd00::1]:9999");
        assert!(!named("0.0.0.0:9999", None).starts_with("0.0.0.0"));
    }

    #[test]
    fn the_card_has_the_name_that_the_model_answers_to() {
        let mut status = fixture::snapshot().status;
        status.proxy.model = Some("house-model".to_owned());
        let card = Card::new("10.0.0.5:9999", &status);
        for text in [&card.curl, &card.python] {
            assert!(text.contains("http://10.0.0.5:9999/v1"), "{text}");
            assert!(text.contains("\"house-model\""), "{text}");
        }
        let widest = lines(&card).iter().map(Line::width).max();
        assert!(widest <= Some(80), "{widest:?}");
    }
}
