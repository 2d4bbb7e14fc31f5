//! A sink as one of the dispatcher's relays.

use std::time::Duration;

use invoice_dispatcher::model::ids::RelayName;
use invoice_dispatcher::model::state::OnUncertain;
use invoice_dispatcher::relay::{Deadlines, RelayConfig, RelayUrl};

use super::sink::{Sink, SinkBooks};

/// How long a relay may take for an answer. None does, however busy the machine, unless the script holds it back.
const PATIENCE: Duration = Duration::from_secs(20);

/// The same for a relay of which a test waits until it has fallen silent for too long.
const IMPATIENCE: Duration = Duration::from_secs(1);

/// How a dispatcher is configured with a sink, and what the sink takes: who has the one has the other.
pub(crate) struct TestRelay {
    pub(super) config: RelayConfig,
    pub(super) books: SinkBooks,
}

impl TestRelay {
    /// The same relay, configured otherwise.
    pub(crate) fn with(mut self, configure: impl FnOnce(&mut RelayConfig)) -> Self {
        configure(&mut self.config);
        self
    }

    /// The same relay, from which an answer is not waited for long: for a script that gives none.
    pub(crate) fn impatient(self) -> Self {
        self.with(|config| {
            (config.deadlines.command, config.deadlines.final_dot) = (IMPATIENCE, IMPATIENCE);
        })
    }

    /// The same relay, with this number of connections at most.
    pub(crate) fn connections(self, connections: u32) -> Self {
        self.with(|config| config.connections = connections)
    }
}

/// A relay that is the sink, with two connections, and deadlines that no sink passes by being slow.
pub(crate) fn relay(name: &str, sink: &Sink) -> TestRelay {
    let config = RelayConfig {
        name: RelayName::from(name),
        url: RelayUrl::parse(&sink.url()).expect("the sink's address is a relay's"),
        connections: 2,
        rate: None,
        message_bytes_max: 20 << 20,
        pipelining: true,
        ca_file: None,
        hello_name: "dispatcher.example".to_owned(),
        on_uncertain: OnUncertain::Wait,
        deadlines: Deadlines {
            connect: PATIENCE,
            command: PATIENCE,
            transfer: PATIENCE,
            final_dot: PATIENCE,
            ..Deadlines::default()
        },
    };
    TestRelay { config, books: sink.books() }
}
