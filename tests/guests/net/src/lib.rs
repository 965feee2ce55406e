//! A tool plugin that wants the network. Its component imports `wasi:sockets`, which the host must refuse without refusing the component.

use charthouse_sdk::{Effect, Failure, Tool, ToolPlugin, arguments, export_tool};
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

arguments! {
    struct Address {
        /// Where to, for instance `127.0.0.1:80`.
        address: String,
    }
}

/// Connects, sends a line and answers what comes back.
fn connect(arguments: Address) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::failed(error.to_string());
    let mut stream = TcpStream::connect(&arguments.address).map_err(failed)?;
    stream
        .write_all(b"hello from the sandbox\n")
        .map_err(failed)?;
    let mut answer = String::new();
    stream
        .take(4096)
        .read_to_string(&mut answer)
        .map_err(failed)?;
    Ok(answer)
}

/// Asks for the addresses of a name.
fn resolve(arguments: Address) -> Result<String, Failure> {
    let addresses = arguments
        .address
        .to_socket_addrs()
        .map_err(|error| Failure::failed(error.to_string()))?;
    Ok(addresses
        .map(|address| address.to_string())
        .collect::<Vec<_>>()
        .join("\n"))
}

struct Net;

impl ToolPlugin for Net {
    fn tools() -> Vec<Tool> {
        vec![
            Tool::new("connect", "Connects to a TCP address.", connect).effect(Effect::Once),
            Tool::new("resolve", "Looks a name up.", resolve).effect(Effect::None),
        ]
    }
}

export_tool!(Net);
