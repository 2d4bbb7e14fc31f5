//! A place in a lane, of a delivery that is new or comes back.

use crate::clock::Timestamp;
use crate::model::ids::{CustomerId, DeliveryId, RelayName, TenantId};
use crate::policy::decision::Terms;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, rows, sql};
use crate::store::delivery::terms::terms_values;
use crate::store::lane::claim::fair_queue;

/// A delivery's place in a lane.
#[derive(Debug, Clone)]
pub struct NewLaneEntry {
    pub delivery: DeliveryId,
    pub relay: RelayName,
    /// Whose share of the lane it uses.
    pub tenant: TenantId,
    /// Whose type decides.
    pub customer: CustomerId,
    /// When it is to be sent.
    pub due_at: Timestamp,
    /// A person waits for it.
    pub express: bool,
    /// Not to be sent after.
    pub expires_at: Option<Timestamp>,
    /// Claims before: 0, or what `delivery.claim` says of one that comes back.
    pub claim: u32,
    /// What an earlier attempt decided, where it binds.
    pub decision: Option<Terms>,
    /// Of a rest: the Date of its root's message, which it repeats.
    pub message_date: Option<Timestamp>,
    /// Why it is not sent although its time has come.
    pub held: Option<String>,
}

/// Inserts lane entries. What is due already takes its place in the lane at once.
pub(in crate::store) async fn insert_lane_entries(
    on: &mut impl StatementExecutor,
    entries: &[NewLaneEntry],
    now: Timestamp,
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let ready = |entry: &NewLaneEntry| entry.due_at <= now && entry.held.is_none();
    let lanes = entries.iter().filter(|entry| ready(entry)).map(|entry| (&entry.relay, &entry.tenant));
    let mut places = fair_queue::take_places(on, lanes).await?;
    sql("WITH {rows} INSERT INTO lane_entry ({columns}) SELECT * FROM rows")
        .batch(rows!(entries, |entry| let [decision, access, method] = terms_values(entry.decision); {
            delivery_id: uuid = entry.delivery,
            relay: text = &entry.relay,
            tenant_id: text = &entry.tenant,
            customer_id: text = &entry.customer,
            state: text = "due",
            due_at: bigint = entry.due_at,
            fair_rank: bigint = ready(entry).then(|| places.next(&entry.relay, &entry.tenant)),
            express: boolean = entry.express,
            expires_at: bigint = entry.expires_at,
            claim: bigint = entry.claim,
            decision: text = decision,
            portal_access: text = access,
            portal_method: text = method,
            message_date: bigint = entry.message_date,
            held: text = &entry.held,
        }))
        .run(on)
        .await?;
    Ok(())
}
