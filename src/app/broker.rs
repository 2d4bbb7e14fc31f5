//! Where RabbitMQ is and what stands there, as configured.

use crate::broker::{BrokerUrl, BrokerUrlError, Topology, TopologyMode};
use crate::config;

/// The configured broker, and the names of everything of ours in it; `None` if there is none.
///
/// # Errors
/// If its address cannot be used.
pub fn broker(config: &config::Broker) -> Result<Option<(BrokerUrl, Topology)>, BrokerUrlError> {
    let Some(url) = &config.url else { return Ok(None) };
    let url = BrokerUrl::parse(url.expose())?.with_ca_file(config.ca_file.clone());
    let mode = match config.topology {
        config::TopologyConfig::Declare => TopologyMode::Declare,
        config::TopologyConfig::Verify => TopologyMode::Verify,
    };
    Ok(Some((url, Topology::prefixed(&config.name_prefix).with_mode(mode))))
}
