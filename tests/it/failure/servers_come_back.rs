//! The harness's own promise: servers that a scenario stops or kills return with address and data, and end with it.

use crate::harness::servers::{self, PrivateServers};
use lapin::{
    BasicProperties, Confirmation, Connection, ConnectionProperties,
    options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use sqlx::{Connection as _, PgConnection};
use std::{
    process::{Command, Stdio},
    time::Duration,
};
use tokio::time::{sleep, timeout};

const QUEUE: &str = "kept";

#[tokio::test]
async fn the_servers_of_the_run_answer() {
    let broker = connect_broker(&servers::amqp_url()).await;
    assert!(broker.status().connected());
    assert_eq!(one(&servers::database_url(), "SELECT 1").await, 1);
}

#[tokio::test]
async fn rabbitmq_keeps_its_address_and_its_messages() {
    let private = PrivateServers::start().await;
    let address = private.amqp_url();
    assert_ne!(Some(&address), std::env::var("TEST_AMQP_URL").ok().as_ref());
    publish(&address, "first").await;
    private.restart_rabbitmq().await;
    publish(&address, "second").await;
    private.kill_rabbitmq().await;
    assert!(Connection::connect(&address, ConnectionProperties::default()).await.is_err());
    private.start_rabbitmq().await;
    assert_eq!(private.amqp_url(), address);
    assert_eq!(take_all(&address).await, ["first", "second"]);
    assert!(private.rabbitmqctl(&["-q", "list_queues", "name"]).await.contains(QUEUE));
    private.stop_rabbitmq().await;
    assert!(Connection::connect(&address, ConnectionProperties::default()).await.is_err());
}

#[tokio::test]
async fn postgresql_keeps_its_address_and_its_rows() {
    let private = PrivateServers::start_postgres_alone().await;
    let address = private.database_url();
    assert_eq!(one(&address, "SELECT count(*)::int FROM pg_settings WHERE name = 'fsync' AND setting = 'on'").await, 1);
    execute(&address, "CREATE TABLE kept (number integer)").await;
    execute(&address, "INSERT INTO kept VALUES (1)").await;
    private.restart_postgres().await;
    execute(&address, "INSERT INTO kept VALUES (2)").await;
    private.kill_postgres().await;
    assert!(PgConnection::connect(&address).await.is_err());
    private.start_postgres().await;
    assert_eq!(private.database_url(), address);
    assert_eq!(one(&address, "SELECT sum(number)::int FROM kept").await, 3);
    private.stop_postgres().await;
    assert!(PgConnection::connect(&address).await.is_err());
}

#[tokio::test]
async fn private_servers_end_with_the_process_that_uses_them() {
    let mut user = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let private = PrivateServers::start_watched(Some("postgres"), user.id()).await;
    let address = private.database_url();
    assert_eq!(one(&address, "SELECT 1").await, 1);

    user.kill().unwrap();
    user.wait().unwrap();

    let gone = async {
        while private.folder().exists() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(2), gone).await.expect("the servers end with their user");
    assert!(PgConnection::connect(&address).await.is_err());
}

async fn connect_broker(address: &str) -> Connection {
    Connection::connect(address, ConnectionProperties::default()).await.unwrap()
}

async fn publish(address: &str, text: &str) {
    let connection = connect_broker(address).await;
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(QUEUE.into(), durable, arguments).await.unwrap();
    let persistent = BasicProperties::default().with_delivery_mode(2);
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let sent = channel.basic_publish("".into(), QUEUE.into(), options, text.as_bytes(), persistent).await.unwrap();
    assert!(matches!(sent.await.unwrap(), Confirmation::Ack(None)));
    connection.close(200, "done".into()).await.unwrap();
}

async fn take_all(address: &str) -> Vec<String> {
    let connection = connect_broker(address).await;
    let channel = connection.create_channel().await.unwrap();
    let mut texts = Vec::new();
    while let Some(incoming) = channel.basic_get(QUEUE.into(), BasicGetOptions { no_ack: true }).await.unwrap() {
        texts.push(String::from_utf8(incoming.data.clone()).unwrap());
    }
    texts
}

async fn one(address: &str, statement: &'static str) -> i32 {
    let mut connection = PgConnection::connect(address).await.unwrap();
    sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
}

async fn execute(address: &str, statement: &'static str) {
    let mut connection = PgConnection::connect(address).await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
}
