//! Everything of one installation taken out of the broker again.

use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};

use super::connection::{Connection, ConnectionError, answer};
use super::topology::Topology;
use super::url::BrokerUrl;

/// Deletes the queues and exchanges of `topology`, with all that is in them; what is not there is gone already.
///
/// # Errors
/// If the broker cannot be reached, or our user may not delete.
pub async fn remove(url: &BrokerUrl, topology: &Topology) -> Result<(), ConnectionError> {
    let connection = Connection::open(url, "removal").await?;
    let channel = connection.channel().await?;
    for queue in [&topology.dispatch, &topology.undelivered, &topology.dead] {
        let delete = channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default());
        answer("delete a queue", &channel, delete).await?;
    }
    for exchange in [&topology.billing, &topology.dead_letter_exchange, &topology.outcomes] {
        let delete = channel.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default());
        answer("delete an exchange", &channel, delete).await?;
    }
    connection.close().await;
    Ok(())
}
