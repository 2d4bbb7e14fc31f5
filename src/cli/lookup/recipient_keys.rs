//! Whether recipients can be searched here: they are written down by a digest under a secret key.

use crate::app::App;
use crate::cli::terminal::output::Output;

/// Says so where addresses cannot be looked up, since the key that the workers write recipients down by is not here.
pub(in crate::cli) async fn warn_of_missing_key(app: &App, output: Output) -> anyhow::Result<()> {
    let newest = app.store.newest_recipients_key().await?;
    let Some(missing) = newest.filter(|name| app.link_keys.by_fingerprint(name).is_none()) else { return Ok(()) };
    output.warn(&format!(
        "addresses cannot be looked up: the secret key {missing}, by which recipients are written down, is not configured \
         here; run this with the workers' SECRET_KEYS or their key's file"
    ));
    Ok(())
}
