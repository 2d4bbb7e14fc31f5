//! What a command opens before it does its work, and who decides.

use anyhow::Context;

use super::Globals;
use crate::app::{self, App, ProcessKind};
use crate::broker::{BrokerUrl, Topology};
use crate::clean::{is_unsafe, stripped};
use crate::config::Config;
use crate::model::actor::Actor;

/// What a command logs by default: its results say the rest.
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
        Ok(App::open(self.load_quietly()?, ProcessKind::Command).await?)
    }

    /// Who decides, as histories show it: whom `--as` names, else the system's user and host. Where no variable names
    /// the user (services, containers), its number does.
    pub(super) fn who(&self) -> Actor {
        Actor::command_line(&self.name())
    }

    fn name(&self) -> String {
        if let Some(name) = &self.who {
            return format!("{name} (command line)");
        }
        let named = |name: &&str| std::env::var(name).ok().map(|user| stripped(&user, NAME_CHARS_MAX));
        let user = ["SUDO_USER", "USER", "LOGNAME"].iter().filter_map(named).find(|user| !user.trim().is_empty());
        let user = user.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
        let host = stripped(&rustix::system::uname().nodename().to_string_lossy(), NAME_CHARS_MAX);
        if host.is_empty() { format!("{user} (command line)") } else { format!("{user}@{host} (command line)") }
    }
}

/// The longest name of a person or a host that is kept, in characters.
const NAME_CHARS_MAX: usize = 64;

/// Reads the name of the person who decides.
pub(super) fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > NAME_CHARS_MAX || text.chars().any(is_unsafe) {
        return Err(format!("write a name of at most {NAME_CHARS_MAX} characters in one line"));
    }
    Ok(text.to_owned())
}

/// Where RabbitMQ is and what stands there, if it is configured.
pub(super) fn broker(config: &Config) -> anyhow::Result<Option<(BrokerUrl, Topology)>> {
    app::broker(&config.broker).context("AMQP_URL cannot be used")
}
