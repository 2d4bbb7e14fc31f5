//! `doctor` looks whether the queues and exchanges that are there are those that should be there.

use lapin::ExchangeKind;
use lapin::types::AMQPValue;
use serde_json::Value;

use crate::harness::broker::{Broker, quorum, until};
use crate::harness::command_line::{CommandLine, Said};
use crate::harness::servers::PrivateServers;

fn here(broker: &Broker, url: &str, more: &str) -> CommandLine {
    let here = CommandLine::new().with("AMQP_URL", url);
    let text = format!("{}{more}", broker.configuration());
    std::fs::write(here.folder().join("config.toml"), text).expect("the file can be written");
    here
}

fn check(said: &Said, name: &str) -> Option<Value> {
    said.json().into_iter().find(|row| row["check"] == name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_and_an_exchange_with_other_arguments_are_named_with_the_difference() {
    let broker = Broker::new().await;
    let (dead, billing) = (broker.topology.dead.clone(), broker.topology.billing.clone());
    broker.declare_queue(&dead, quorum(&[("x-delivery-limit", AMQPValue::LongLongInt(5))])).await.expect("declared");
    broker.declare_exchange(&billing, ExchangeKind::Fanout).await;

    let here = here(&broker, &broker.text, "");
    let said = here.run("doctor --json");
    assert_eq!(said.code, 1, "{}", said.stdout);
    for (name, words) in [(format!("queue {dead}"), "'x-delivery-limit'"), (format!("exchange {billing}"), "'type'")] {
        let different = said.json().into_iter().find(|row| row["check"] == name.as_str() && row["result"] == "fail");
        let different = different.unwrap_or_else(|| panic!("no {name}: {}", said.stdout));
        let detail = different["detail"].as_str().expect("a text");
        assert!(detail.starts_with("it is there with other arguments: ") && detail.contains(words), "{detail}");
        assert!(different["what_to_do"].as_str().is_some_and(|text| text.contains("topology = \"verify\"")));
    }
    assert_eq!(broker.ready(&broker.topology.dispatch).await, None, "doctor made a queue");
    broker.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_declare_is_not_blamed_and_who_verifies_is_only_told() {
    let servers = PrivateServers::start_rabbitmq_alone().await;
    let broker = Broker::private(servers.amqp_url()).await;
    let names = broker.topology.clone();
    let here = CommandLine::new().with("AMQP_URL", &servers.amqp_url()).with("METRICS_LISTEN", "127.0.0.1:0");
    // What the worker makes is as it should be.
    let worker = here.start("run --role worker");
    until("all is made", async || broker.ready(&names.dispatch).await.is_some()).await;
    until("all is made", async || {
        here.run("doctor --json")
            .stdout
            .contains("every exchange and queue is there, with the arguments that it should have")
    })
    .await;
    assert!(worker.stop().await.success());

    // A user who may read and write, and declare nothing.
    servers.rabbitmqctl(&["add_user", "reader", "pw"]).await;
    servers.rabbitmqctl(&["set_permissions", "-p", "/", "reader", "^$", ".*", ".*"]).await;
    let mut url = url::Url::parse(&servers.amqp_url()).expect("a URL");
    url.set_username("reader").and_then(|()| url.set_password(Some("pw"))).expect("it has a host");
    let reader = CommandLine::new().with("AMQP_URL", url.as_str());
    std::fs::write(reader.folder().join("config.toml"), "[broker]\ntopology = \"verify\"\n").expect("written");
    let said = reader.run("doctor --json");
    let found = check(&said, "RabbitMQ").expect("it is looked at");
    assert_eq!(found["result"], "ok", "{found}");
    assert!(found["detail"].as_str().is_some_and(|text| text.contains("without configure permission")), "{found}");

    // Who has chosen to use them as they are hears of a difference, and goes on.
    broker.delete_queue(&names.dead).await;
    broker.declare_queue(&names.dead, quorum(&[("x-delivery-limit", AMQPValue::LongLongInt(5))])).await.expect("made");
    let verify = CommandLine::new().with("AMQP_URL", &servers.amqp_url());
    std::fs::write(verify.folder().join("config.toml"), "[broker]\ntopology = \"verify\"\n").expect("written");
    let said = verify.run("doctor --json");
    let name = format!("queue {}", names.dead);
    let warned = said.json().into_iter().find(|row| row["check"] == name.as_str()).expect("it is named");
    assert_eq!(warned["result"], "warn", "{warned}");
    assert!(warned["detail"].as_str().is_some_and(|text| text.contains("'x-delivery-limit'")), "{warned}");
}
