//! What a command opens before it does its work, and who is at the keyboard.

use anyhow::Context;

use super::Globals;
use crate::app::{self, App, Role};
use crate::broker::{BrokerUrl, Topology};
use crate::config::Config;

/// What a command logs unless somebody asks for more: its results say the rest.
const FILTER: &str = "error";

impl Globals {
    /// Reads the configuration of a command that ends by itself: it logs errors only, unless `LOG_FILTER` is set.
    pub(super) fn load_quietly(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref(), self.allow_embedded)?;
        if std::env::var_os("LOG_FILTER").is_none() {
            FILTER.clone_into(&mut config.log.filter);
        }
        crate::telemetry::start_logging(&config.log);
        Ok(config)
    }

    /// Opens everything that a command may need; a worker may run beside it.
    pub(super) async fn open(&self) -> anyhow::Result<App> {
        Ok(App::open(self.load_quietly()?, Role::Command).await?)
    }
}

/// Who is at the keyboard, as histories show it.
pub(super) fn who() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let name: String = name.unwrap_or_default().chars().filter(|c| !c.is_control()).take(64).collect();
    if name.is_empty() { "command line".to_owned() } else { format!("{name} (command line)") }
}

/// Where RabbitMQ is and what stands there, if it is configured.
pub(super) fn broker(config: &Config) -> anyhow::Result<Option<(BrokerUrl, Topology)>> {
    app::broker(&config.broker).context("AMQP_URL cannot be used")
}
