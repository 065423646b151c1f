//! Published ports: a listener on the node that forwards to the container, as `docker-proxy` does.
//!
//! A container on the host's network listens on the node's address itself. Every other one has a
//! loopback address of its own, which nobody else uses, so only published ports are reachable.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::thread;

use super::container::Container;
use super::image;
use crate::node::Node;

/// The address on which programs of the container listen.
pub(super) fn address(node: &Node, container: &Container) -> Ipv4Addr {
    if container.spec.network == "host" {
        return node.config().address;
    }
    // One address per container and node: two nodes on one machine never meet.
    let digits = image::hex(&format!(
        "{}{}",
        node.dir().display(),
        container.id.as_str()
    ));
    let byte = |at: usize| {
        digits
            .get(at..at + 2)
            .and_then(|d| u8::from_str_radix(d, 16).ok())
    };
    let part = |at| byte(at).unwrap_or(1);
    Ipv4Addr::new(127, 172 + part(0) % 16, part(2), part(4).clamp(2, 254))
}

/// Opens the published ports; they close with this process. The error is the daemon's sentence.
pub(super) fn publish(node: &Node, container: &Container) -> Result<(), String> {
    if container.spec.network == "host" {
        return Ok(());
    }
    let inside = address(node, container);
    for port in container
        .spec
        .ports
        .iter()
        .filter(|port| port.protocol == "tcp")
    {
        let ip = port
            .host_ip
            .parse()
            .ok()
            .filter(|ip: &Ipv4Addr| !ip.is_unspecified());
        let ip = ip.unwrap_or(node.config().address);
        let listener = TcpListener::bind((ip, port.host)).map_err(|_e| {
            format!(
                "failed to set up container networking: driver failed programming external connectivity \
                 on endpoint {} ({}): Bind for {}:{} failed: port is already allocated",
                container.name(),
                container.id.as_str(),
                port.host_ip,
                port.host
            )
        })?;
        let target = SocketAddrV4::new(inside, port.container);
        thread::spawn(move || serve(&listener, target));
    }
    Ok(())
}

fn serve(listener: &TcpListener, target: SocketAddrV4) {
    for client in listener.incoming().flatten() {
        // A container that does not listen resets the connection, as docker-proxy does.
        if let Ok(server) = TcpStream::connect(target) {
            join(client, server).ok();
        }
    }
}

fn join(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let (from_client, to_client) = (client.try_clone()?, client);
    let (from_server, to_server) = (server.try_clone()?, server);
    thread::spawn(move || pump(from_client, &to_server));
    thread::spawn(move || pump(from_server, &to_client));
    Ok(())
}

fn pump(mut from: TcpStream, mut to: &TcpStream) {
    io::copy(&mut from, &mut to).ok();
    to.shutdown(Shutdown::Write).ok();
}
