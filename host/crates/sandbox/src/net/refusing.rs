//! Interfaces that are there by name only: `wasi:sockets` always, `wasi:http/outgoing-handler` where a call has no network.
//!
//! A component built from Python or JavaScript imports them whether it uses them or not, so they must link. What would reach out answers with its own
//! interface's word for "not allowed", and the refusal is written down.

use super::Notes;
use crate::guest::Guest;
use wasmtime::StoreContextMut;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::sockets;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress, IpAddressFamily};
use wasmtime_wasi::p2::{DynPollable, Network, SocketResult, TcpSocket, UdpSocket};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsCtx, WasiSocketsCtxView};
use wasmtime_wasi_http::p2::bindings::http::types as http;

/// Why a call without rules reaches nobody.
pub(super) const NO_NETWORK: &str = "this call has no network: no `net` rule allows anything";
const NO_SOCKETS: &str =
    "plugins have no sockets; requests go through `wasi:http`, where a `net` rule allows them";

/// Any version of WASI 0.2 that a component names is matched with it.
const OUTGOING_HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

/// Marker for the linker: these interfaces work on a [`RefusedView`].
pub(crate) struct Refused;

impl HasData for Refused {
    type Data<'a> = RefusedView<'a>;
}

/// What a refusing interface needs.
pub(crate) struct RefusedView<'a> {
    pub(crate) table: &'a mut ResourceTable,
    pub(crate) sockets: &'a mut WasiSocketsCtx,
    pub(crate) notes: &'a Notes,
}

/// Link `wasi:sockets` so that no socket can be made and no name looked up.
pub(crate) fn link_sockets(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let l = linker;
    let options = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<Guest, WasiSockets>(l, &options, Guest::sockets)?;
    sockets::instance_network::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)?;
    // Their resources cannot be had, so all that is left to call is a method of nothing.
    sockets::tcp::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)?;
    sockets::udp::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<Guest, Refused>(l, Guest::refused)?;
    sockets::udp_create_socket::add_to_linker::<Guest, Refused>(l, Guest::refused)?;
    sockets::ip_name_lookup::add_to_linker::<Guest, Refused>(l, Guest::refused)?;
    Ok(())
}

/// Link `wasi:http/outgoing-handler` so that no request can be made. Its types are there: a request that goes nowhere may be put together.
pub(crate) fn link_requests(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    type Request = Resource<http::OutgoingRequest>;
    type Options = Option<Resource<http::RequestOptions>>;
    type Answer = Result<Resource<http::FutureIncomingResponse>, http::ErrorCode>;
    let mut handler = linker.instance(OUTGOING_HANDLER)?;
    handler.func_wrap(
        "handle",
        |mut store: StoreContextMut<'_, Guest>, (request, options): (Request, Options)| {
            let view = store.data_mut().refused();
            let request = view.table.delete(request)?;
            if let Some(options) = options {
                view.table.delete(options)?;
            }
            view.notes
                .refused("request", &in_words(&request), NO_NETWORK);
            let denied: Answer = Err(http::ErrorCode::HttpRequestDenied);
            Ok((denied,))
        },
    )
}

/// `GET https://a.example/x`, without the query.
fn in_words(request: &http::OutgoingRequest) -> String {
    let method: Result<::http::Method, _> = request.method.clone().try_into();
    let method = method.unwrap_or_default();
    let scheme = match &request.scheme {
        Some(http::Scheme::Http) => "http",
        Some(http::Scheme::Https) | None => "https",
        Some(http::Scheme::Other(other)) => other,
    };
    let authority = request.authority.as_deref().unwrap_or_default();
    let path = request.path_with_query.as_deref().unwrap_or("/");
    let path = path.split(['?', '#']).next().unwrap_or_default();
    format!("{method} {scheme}://{authority}{path}")
}

impl RefusedView<'_> {
    fn no_socket<T>(&self, operation: &str, subject: &str) -> SocketResult<T> {
        self.notes.refused(operation, subject, NO_SOCKETS);
        Err(ErrorCode::AccessDenied.into())
    }

    fn inner(&mut self) -> WasiSocketsCtxView<'_> {
        WasiSocketsCtxView {
            ctx: self.sockets,
            table: self.table,
        }
    }
}

impl sockets::tcp_create_socket::Host for RefusedView<'_> {
    fn create_tcp_socket(&mut self, _: IpAddressFamily) -> SocketResult<Resource<TcpSocket>> {
        self.no_socket("create socket", "TCP")
    }
}

impl sockets::udp_create_socket::Host for RefusedView<'_> {
    async fn create_udp_socket(&mut self, _: IpAddressFamily) -> SocketResult<Resource<UdpSocket>> {
        self.no_socket("create socket", "UDP")
    }
}

type Addresses = Resource<sockets::ip_name_lookup::ResolveAddressStream>;

impl sockets::ip_name_lookup::Host for RefusedView<'_> {
    fn resolve_addresses(&mut self, _: Resource<Network>, name: String) -> SocketResult<Addresses> {
        self.no_socket("look up", &name)
    }
}

impl sockets::ip_name_lookup::HostResolveAddressStream for RefusedView<'_> {
    fn resolve_next_address(&mut self, stream: Addresses) -> SocketResult<Option<IpAddress>> {
        self.inner().resolve_next_address(stream)
    }

    fn subscribe(&mut self, stream: Addresses) -> wasmtime::Result<Resource<DynPollable>> {
        self.inner().subscribe(stream)
    }

    fn drop(&mut self, stream: Addresses) -> wasmtime::Result<()> {
        sockets::ip_name_lookup::HostResolveAddressStream::drop(&mut self.inner(), stream)
    }
}

impl sockets::network::Host for RefusedView<'_> {
    fn convert_error_code(
        &mut self,
        error: wasmtime_wasi::p2::SocketError,
    ) -> wasmtime::Result<ErrorCode> {
        self.inner().convert_error_code(error)
    }

    fn network_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        self.inner().network_error_code(error)
    }
}

impl sockets::network::HostNetwork for RefusedView<'_> {
    fn drop(&mut self, network: Resource<Network>) -> wasmtime::Result<()> {
        sockets::network::HostNetwork::drop(&mut self.inner(), network)
    }
}
