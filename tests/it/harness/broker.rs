//! What scenarios with the broker stand on: a topology of their own in the shared broker, and a proxy that cuts
//! connections.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use invoice_dispatcher::backoff::Delays;
use invoice_dispatcher::broker::{BrokerUrl, MirrorIntervals, Topology};
use invoice_dispatcher::clock::Clock;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions,
    QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The longest that a scenario waits for one condition. Far above what any takes: reaching it is a failure.
const PATIENCE: Duration = Duration::from_mins(3);

/// Asks again and again until the answer is yes.
pub(crate) async fn until<Answer: Future<Output = bool>>(what: &str, mut question: impl FnMut() -> Answer) {
    let asking = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while !question().await {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

/// Waits for something, but not for ever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// The run's RabbitMQ, shared by all scenarios.
fn shared_amqp_url() -> String {
    std::env::var("TEST_AMQP_URL")
        .expect("TEST_AMQP_URL is not set: run the tests by scripts/test, which starts the servers")
}

/// A broker seen by one scenario: its own exchanges and queues, and a connection to look at them from outside.
pub(crate) struct Broker {
    pub(crate) url: BrokerUrl,
    pub(crate) text: String,
    pub(crate) topology: Topology,
    pub(crate) admin: Connection,
}

impl Broker {
    pub(crate) async fn new() -> Self {
        Self::at(shared_amqp_url()).await
    }

    /// The broker at this address.
    pub(crate) async fn at(text: String) -> Self {
        Self::with(text, Topology::prefixed(&format!("test-{}.", Clock::system().new_id()))).await
    }

    /// The broker at this address, used by this scenario alone: names are as in production.
    pub(crate) async fn private(text: String) -> Self {
        Self::with(text, Topology::default()).await
    }

    async fn with(text: String, topology: Topology) -> Self {
        let url = BrokerUrl::parse(&text).expect("TEST_AMQP_URL is an address");
        let admin = Connection::connect(&text, ConnectionProperties::default()).await.expect("the broker answers");
        Self { url, text, topology, admin }
    }

    /// The same by a new connection, after a restart of the broker.
    pub(crate) async fn again(&self) -> Self {
        let admin = Connection::connect(&self.text, ConnectionProperties::default()).await.expect("the broker answers");
        Self { url: self.url.clone(), text: self.text.clone(), topology: self.topology.clone(), admin }
    }

    /// A new channel; a refused operation ends only this one.
    pub(crate) async fn channel(&self) -> Channel {
        let channel = self.admin.create_channel().await.expect("a channel");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        channel
    }

    /// Publishes as the billing system does; waits until the broker has it.
    pub(crate) async fn publish_event(&self, body: impl AsRef<[u8]>) {
        let channel = self.channel().await;
        self.publish(&channel, &self.topology.billing, &self.topology.invoice_sent, body, FieldTable::default()).await;
    }

    /// Publishes `count` events with the numbers from 0 as their bodies.
    pub(crate) async fn publish_numbers(&self, count: usize) {
        self.publish_numbers_from(0, count).await;
    }

    /// Publishes `count` events with the numbers from `first` as their bodies.
    pub(crate) async fn publish_numbers_from(&self, first: usize, count: usize) {
        self.publish_events((first..first + count).map(|number| number.to_string())).await;
    }

    /// Publishes many events as the billing system does; waits until the broker has them all.
    pub(crate) async fn publish_events(&self, bodies: impl Iterator<Item = String>) {
        let channel = self.channel().await;
        let mut confirms = Vec::new();
        for body in bodies {
            let publish = channel.basic_publish(
                self.topology.billing.as_str().into(),
                self.topology.invoice_sent.as_str().into(),
                BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() },
                body.as_bytes(),
                BasicProperties::default().with_delivery_mode(2),
            );
            confirms.push(publish.await.expect("the broker takes it"));
        }
        for confirm in confirms {
            let confirmation = confirm.await.expect("the broker answers");
            assert!(confirmation.is_ack() && confirmation.take_message().is_none(), "an event found no queue");
        }
    }

    /// Publishes to a queue by its name, as people do by hand.
    pub(crate) async fn put(&self, queue: &str, body: impl AsRef<[u8]>, headers: FieldTable) {
        let channel = self.channel().await;
        self.publish(&channel, "", queue, body, headers).await;
    }

    async fn publish(&self, channel: &Channel, exchange: &str, key: &str, body: impl AsRef<[u8]>, headers: FieldTable) {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default().with_delivery_mode(2).with_headers(headers);
        let publish = channel.basic_publish(exchange.into(), key.into(), options, body.as_ref(), properties);
        let confirmation = publish.await.expect("the broker takes it").await.expect("the broker answers");
        assert!(confirmation.is_ack() && confirmation.take_message().is_none(), "no queue takes {key}");
    }

    /// Messages that are ready in a queue; none if there is no such queue.
    pub(crate) async fn ready(&self, queue: &str) -> Option<u32> {
        self.look(queue).await.map(|queue| queue.message_count())
    }

    /// Consumers of a queue.
    pub(crate) async fn consumers(&self, queue: &str) -> u32 {
        self.look(queue).await.map_or(0, |queue| queue.consumer_count())
    }

    /// Messages of a queue without a consumer, so that all are ready; none while it has one.
    pub(crate) async fn at_rest(&self, queue: &str) -> Option<u32> {
        self.look(queue).await.filter(|queue| queue.consumer_count() == 0).map(|queue| queue.message_count())
    }

    /// The configuration of processes that use this scenario's part of the broker.
    pub(crate) fn configuration(&self) -> String {
        let prefix = self.topology.billing.strip_suffix("billing").expect("the exchange is named billing");
        format!("[broker]\nname_prefix = \"{prefix}\"\n")
    }

    async fn look(&self, queue: &str) -> Option<lapin::Queue> {
        // Where there was no such queue at the last look, the broker closes that look's channel, and lapin may tell this one.
        let channel = self.admin.create_channel().await.ok()?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), passive, FieldTable::default()).await.ok()
    }

    pub(crate) async fn until_ready(&self, queue: &str, count: u32) {
        until(&format!("{queue} has {count} messages"), async || self.ready(queue).await == Some(count)).await;
    }

    /// Takes every message out of a queue: body and headers, in their order.
    pub(crate) async fn drain(&self, queue: &str) -> Vec<(Bytes, BTreeMap<String, AMQPValue>)> {
        let channel = self.channel().await;
        let mut messages = Vec::new();
        while let Some(got) = channel.basic_get(queue.into(), BasicGetOptions::default()).await.expect("a queue") {
            got.acker.ack(BasicAckOptions::default()).await.expect("acked");
            messages.push(read(&got.delivery));
        }
        messages
    }

    /// Takes the first message out of a queue as soon as no consumer holds it: body and headers.
    pub(crate) async fn take_out(&self, queue: &str) -> (Bytes, BTreeMap<String, AMQPValue>) {
        let channel = self.channel().await;
        let taking = async {
            loop {
                let got = channel.basic_get(queue.into(), BasicGetOptions::default()).await.expect("a queue");
                if let Some(got) = got {
                    got.acker.ack(BasicAckOptions::default()).await.expect("acked");
                    return read(&got.delivery);
                }
                tokio::task::yield_now().await;
            }
        };
        soon("a message", taking).await
    }

    /// Looks at the first message of a queue, which stays there: body and headers.
    pub(crate) async fn first(&self, queue: &str) -> (Bytes, BTreeMap<String, AMQPValue>) {
        let channel = self.channel().await;
        let got = channel.basic_get(queue.into(), BasicGetOptions::default()).await.expect("a queue");
        let got = got.expect("a message");
        let message = read(&got.delivery);
        got.acker.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() }).await.expect("put back");
        message
    }

    /// Consumes from a queue without an ack, until so many messages are held and none is ready; closed, it lets go.
    pub(crate) async fn hold_all(&self, queue: &str, count: u16) -> Channel {
        let channel = self.channel().await;
        channel.basic_qos(count, BasicQosOptions::default()).await.expect("a prefetch");
        let consume =
            channel.basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default());
        let mut consumer = consume.await.expect("a queue");
        tokio::spawn(async move { while consumer.next().await.is_some() {} });
        self.until_ready(queue, 0).await;
        channel
    }

    pub(crate) async fn purge(&self, queue: &str) {
        self.channel().await.queue_purge(queue.into(), QueuePurgeOptions::default()).await.expect("purged");
    }

    pub(crate) async fn delete_queue(&self, queue: &str) {
        self.channel().await.queue_delete(queue.into(), QueueDeleteOptions::default()).await.expect("deleted");
    }

    /// Declares a durable queue with these arguments.
    pub(crate) async fn declare_queue(&self, queue: &str, arguments: FieldTable) -> lapin::Result<()> {
        let channel = self.admin.create_channel().await.expect("a channel");
        channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments).await.map(drop)
    }

    pub(crate) async fn declare_exchange(&self, exchange: &str, kind: lapin::ExchangeKind) {
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let channel = self.channel().await;
        channel.exchange_declare(exchange.into(), kind, options, FieldTable::default()).await.expect("declared");
    }

    pub(crate) async fn bind(&self, queue: &str, exchange: &str, key: &str) {
        let options = lapin::options::QueueBindOptions::default();
        let channel = self.channel().await;
        channel
            .queue_bind(queue.into(), exchange.into(), key.into(), options, FieldTable::default())
            .await
            .expect("bound");
    }

    /// Takes everything of this scenario out of the shared broker.
    pub(crate) async fn clean_up(self) {
        let channel = self.channel().await;
        for queue in [&self.topology.dispatch, &self.topology.undelivered, &self.topology.dead] {
            let _ = channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await;
        }
        for exchange in [&self.topology.billing, &self.topology.dead_letter_exchange, &self.topology.outcomes] {
            let _ = channel.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default()).await;
        }
    }
}

/// Body and headers of a message.
fn read(message: &lapin::message::Delivery) -> (Bytes, BTreeMap<String, AMQPValue>) {
    let headers = message.properties.headers().clone().unwrap_or_default();
    let headers = headers.into_iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    (Bytes::copy_from_slice(&message.data), headers)
}

/// The text that a header holds.
pub(crate) fn text(headers: &BTreeMap<String, AMQPValue>, name: &str) -> String {
    let Some(AMQPValue::LongString(text)) = headers.get(name) else { panic!("no {name} in {headers:?}") };
    text.to_string()
}

/// Headers of one text value.
pub(crate) fn header(name: &str, value: &str) -> FieldTable {
    let mut table = FieldTable::default();
    table.insert(name.into(), AMQPValue::LongString(value.into()));
    table
}

/// Arguments of a quorum queue, with more.
pub(crate) fn quorum(more: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = header("x-queue-type", "quorum");
    for (name, value) in more {
        table.insert((*name).into(), value.clone());
    }
    table
}

/// As in production, but no scenario has to wait for seconds.
pub(crate) fn short_delays() -> Delays {
    Delays::new(Duration::from_millis(20), Duration::from_millis(200), || 0.5)
}

/// As in production, but no scenario has to wait for seconds.
pub(crate) const OFTEN: MirrorIntervals = MirrorIntervals {
    look: Duration::from_millis(20),
    pass: Duration::from_millis(50),
    check: Duration::from_millis(200),
};

/// Something that runs until it is told to stop.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start<Task: Future<Output = ()> + Send + 'static>(
        run: impl FnOnce(CancellationToken) -> Task,
    ) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(stop.clone()));
        Self { stop, task }
    }

    pub(crate) fn tell_to_stop(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        soon("the end of a task", self.task).await.expect("no panic");
    }
}

/// Stands between us and a server, the broker as a rule, and cuts connections.
pub(crate) struct Proxy {
    port: u16,
    /// Cancelled: every connection that stands is cut.
    cut: Arc<Mutex<CancellationToken>>,
    /// While true, a new connection is cut at once.
    refusing: Arc<watch::Sender<bool>>,
    opened: Arc<watch::Sender<usize>>,
    refused: Arc<watch::Sender<usize>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy to the broker at `url`.
    pub(crate) async fn before(url: &BrokerUrl) -> Self {
        Self::to(url.host(), url.port()).await
    }

    /// A proxy to any server.
    pub(crate) async fn to(host: &str, port: u16) -> Self {
        let target = (host.to_owned(), port);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let cut = Arc::new(Mutex::new(CancellationToken::new()));
        let refusing = Arc::new(watch::Sender::new(false));
        let opened = Arc::new(watch::Sender::new(0));
        let refused = Arc::new(watch::Sender::new(0));
        let accepting = tokio::spawn({
            let (cut, refusing) = (cut.clone(), refusing.clone());
            let (opened, refused) = (opened.clone(), refused.clone());
            async move {
                loop {
                    let (mut near, _) = listener.accept().await.expect("the listener lives");
                    let cut = cut.lock().unwrap().clone();
                    if *refusing.borrow() {
                        refused.send_modify(|count| *count += 1);
                        continue;
                    }
                    opened.send_modify(|count| *count += 1);
                    let target = target.clone();
                    tokio::spawn(cut.run_until_cancelled_owned(async move {
                        let mut far = TcpStream::connect(target).await.expect("the server is there");
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }));
                }
            }
        });
        Self { port, cut, refusing, opened, refused, accepting }
    }

    /// Where the proxy listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The same broker by way of this proxy.
    pub(crate) fn url(&self, broker: &Broker) -> BrokerUrl {
        let direct = format!("{}:{}", broker.url.host(), broker.url.port());
        let by_proxy = broker.text.replace(&direct, &format!("127.0.0.1:{}", self.port));
        assert_ne!(by_proxy, broker.text, "TEST_AMQP_URL names host and port");
        BrokerUrl::parse(&by_proxy).expect("an address")
    }

    /// Cuts every connection that stands.
    pub(crate) fn cut(&self) {
        let mut cut = self.cut.lock().unwrap();
        cut.cancel();
        *cut = CancellationToken::new();
    }

    /// Whether new connections are cut at once, as if the broker were away.
    pub(crate) fn refuse(&self, refusing: bool) {
        self.refusing.send_replace(refusing);
    }

    /// Waits until this many new connections were cut at once.
    pub(crate) async fn until_refused(&self, count: usize) {
        soon("refused connections", self.refused.subscribe().wait_for(|refused| *refused >= count))
            .await
            .expect("alive");
    }

    /// Connections opened so far.
    pub(crate) fn opened(&self) -> usize {
        *self.opened.borrow()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}
