//! `import`: tenants and customers from a file.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;

use super::Globals;
use super::error::Advise;
use super::lookup::event_files;
use super::terminal::format::count;
use super::terminal::output::Output;
use super::terminal::report::{TextReport, Tint};
use crate::app::App;
use crate::bisect::bisect;
use crate::event::catalogue::{ImportEntry, TenantLogo, parse_import_line, warnings_of_import_line};
use crate::event::{EventFault, Malformed, MemberWarning};
use crate::model::actor::{Actor, NamedAct};
use crate::model::audit::AuditAction;
use crate::model::customer::Customer;
use crate::model::ids::{CustomerId, TenantId};
use crate::model::tenant::Tenant;
use crate::store::{LogoSaved, StoreError};

/// Tenants or customers in one transaction.
const BATCH_MAX: usize = 1_000;
/// Dead letters that are put back in one go.
const AUTO_REDRIVES_MAX: u32 = 1_000;
/// More faults than this are counted only.
const FAULTS_MAX: usize = 20;
/// The width of the longest name and of the space around it.
const INDENT: usize = 13;

/// Add or change tenants and customers from a file
///
/// One JSON object a line: {"tenant": {…}}, {"customer": {…}}, or {"logo": {…}} with the tenant's PNG or JPEG in base64.
/// Settings of a tenant count at its creation only; what an administrator has chosen since is reported, never changed. A
/// line that cannot be stored is named, and the others are stored all the same. Dead letters that it resolves are sent by
/// themselves.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher import examples/catalogue.ndjson
  invoice-dispatcher import -")]
pub struct ImportArgs {
    /// The file; `-` for standard input
    pub file: PathBuf,
    /// Store nothing of a line that holds something unknown
    #[arg(long)]
    pub strict: bool,
}

/// What was done with a file.
#[derive(Debug, Default, Serialize)]
struct Imported {
    tenants: ImportCounts,
    customers: ImportCounts,
    logos: ImportCounts,
    /// Tenants whose settings in the file are not those that hold; they were not applied.
    settings_ignored: BTreeSet<TenantId>,
    /// Customers that were left out, because their tenant is unknown.
    customers_of_unknown_tenants: Vec<UnknownTenant>,
    /// Lines that cannot be read, or that the database refuses; nothing of them was stored.
    faults: Vec<LineFault>,
    /// What of lines is ignored, or counts as unknown; the lines were stored.
    warnings: Vec<LineFault>,
    /// Dead letters that are due again, because what they lacked has come.
    dead_letters_cured: usize,
}

/// What became of tenants, or of customers.
#[derive(Debug, Default, Serialize)]
struct ImportCounts {
    created: u64,
    changed: u64,
    unchanged: u64,
}

/// A customer of an unknown tenant.
#[derive(Debug, Serialize)]
struct UnknownTenant {
    line: usize,
    tenant_id: TenantId,
    id: CustomerId,
}

/// What is wrong on a line.
#[derive(Debug, Serialize)]
struct LineFault {
    line: usize,
    path: String,
    problem: String,
}

/// Does what the command line says.
pub async fn run(args: ImportArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let (file, bytes) = event_files::read(&args.file)?;
    let mut import = Import {
        app: &app,
        who: globals.who().in_act(NamedAct {
            action: AuditAction::CatalogueImported,
            subject: "catalogue",
            // A file may be called by a customer's name.
            change: Some(json!({ "file": file })),
        }),
        strict: args.strict,
        tenants: ImportBatch::default(),
        customers: ImportBatch::default(),
        done: Imported::default(),
    };
    import.lines(&bytes).await?;
    let done = import.done;
    globals.output().one(&done, &done.report(&file, globals.output()))?;
    let faulty: BTreeSet<usize> = done.faults.iter().map(|fault| fault.line).collect();
    let left_out = faulty.len() + done.customers_of_unknown_tenants.len();
    if left_out == 0 {
        return Ok(());
    }
    Err(anyhow::anyhow!("{} of {file} not imported; everything else is", count(left_out, "line")))
        .what_to_do("correct what is named above and import the file again; what is known already stays as it is")
}

/// An import under way. What came later in the file is stored later, so that it counts.
struct Import<'a> {
    app: &'a App,
    who: Actor,
    /// What is unknown is a fault.
    strict: bool,
    /// Read and not stored yet; customers wait only while no tenant does.
    tenants: ImportBatch<Tenant>,
    customers: ImportBatch<Customer>,
    done: Imported,
}

/// What is stored together, and on which line each stands.
struct ImportBatch<T> {
    items: Vec<T>,
    lines: Vec<usize>,
}

impl<T> Default for ImportBatch<T> {
    fn default() -> Self {
        Self { items: Vec::new(), lines: Vec::new() }
    }
}

impl<T> ImportBatch<T> {
    fn add(&mut self, item: T, line: usize) {
        self.items.push(item);
        self.lines.push(line);
    }

    fn is_full(&self) -> bool {
        self.items.len() == BATCH_MAX
    }
}

impl Import<'_> {
    async fn lines(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
            // Some editors mark the beginning of a file (U+FEFF).
            let line = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match parse_import_line(line) {
                Ok(entry) => {
                    let warnings = warnings_of_import_line(line);
                    let is_left_out = self.strict && !warnings.is_empty();
                    let named = warnings.into_iter().map(|MemberWarning { path, problem }| LineFault {
                        line: number,
                        path,
                        problem,
                    });
                    if is_left_out {
                        self.done.faults.extend(named);
                    } else {
                        self.done.warnings.extend(named);
                        self.entry(entry, number).await?;
                    }
                }
                Err(malformed) => self.done.faults.extend(LineFault::all(number, &malformed)),
            }
        }
        self.store_tenants().await?;
        self.store_customers().await?;
        self.done.faults.sort_by_key(|fault| fault.line);
        self.auto_redrive().await
    }

    /// Keeps the entry until a batch is full, or one of the other kind comes.
    async fn entry(&mut self, entry: ImportEntry, line: usize) -> anyhow::Result<()> {
        match entry {
            ImportEntry::Tenant(tenant) => {
                self.store_customers().await?;
                self.tenants.add(*tenant, line);
                if self.tenants.is_full() {
                    self.store_tenants().await?;
                }
            }
            ImportEntry::Logo(logo) => {
                self.store_tenants().await?;
                self.store_logo(&logo, line).await?;
            }
            ImportEntry::Customer(customer) => {
                self.store_tenants().await?;
                self.customers.add(*customer, line);
                if self.customers.is_full() {
                    self.store_customers().await?;
                }
            }
        }
        Ok(())
    }

    async fn store_tenants(&mut self) -> anyhow::Result<()> {
        let ImportBatch { items: tenants, lines } = std::mem::take(&mut self.tenants);
        let (store, who) = (&self.app.store, &self.who);
        let results = bisect(&tenants, StoreError::is_refused, |part| store.upsert_tenants(part, who)).await?;
        for ((tenant, line), result) in tenants.iter().zip(lines).zip(results) {
            match result {
                Ok(done) => {
                    self.done.tenants.add(done.created, done.profile_changed || done.moved);
                    if done.settings_ignored {
                        self.done.settings_ignored.insert(tenant.id.clone());
                    }
                }
                Err(refused) => self.done.faults.push(LineFault::refused(line, &refused)),
            }
        }
        Ok(())
    }

    async fn store_logo(&mut self, logo: &TenantLogo, line: usize) -> anyhow::Result<()> {
        match self.app.store.save_logo(&logo.tenant_id, &logo.logo, &self.who).await? {
            LogoSaved::Created => self.done.logos.created += 1,
            LogoSaved::Changed => self.done.logos.changed += 1,
            LogoSaved::Unchanged => self.done.logos.unchanged += 1,
            LogoSaved::UnknownTenant => self.done.faults.push(LineFault {
                line,
                path: "logo.tenant_id".to_owned(),
                problem: "names no tenant that was imported; import the tenant before its logo".to_owned(),
            }),
        }
        Ok(())
    }

    async fn store_customers(&mut self) -> anyhow::Result<()> {
        let ImportBatch { items: customers, lines } = std::mem::take(&mut self.customers);
        // The database answers for a part as a whole; who of it is a stranger is kept here.
        let (store, who, parts) = (&self.app.store, &self.who, &Mutex::new(Vec::new()));
        let results = bisect(&customers, StoreError::is_refused, |part| async move {
            let done = store.upsert_customers(part, who).await?;
            parts.lock().push(done);
            Ok(vec![(); part.len()])
        })
        .await?;
        let mut strangers = HashSet::new();
        for part in parts.lock().drain(..) {
            self.done.customers.created += part.created;
            self.done.customers.changed += part.changed;
            self.done.customers.unchanged += part.unchanged;
            strangers.extend(part.unknown_tenant);
        }
        for ((customer, line), result) in customers.into_iter().zip(lines).zip(results) {
            let Customer { tenant_id, id, .. } = customer;
            match result {
                Err(refused) => self.done.faults.push(LineFault::refused(line, &refused)),
                Ok(()) if strangers.contains(&(tenant_id.clone(), id.clone())) => {
                    self.done.customers_of_unknown_tenants.push(UnknownTenant { line, tenant_id, id });
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Puts dead letters back until none is left that could be.
    async fn auto_redrive(&mut self) -> anyhow::Result<()> {
        while !self.app.store.resolvable_dead_letters(1).await?.is_empty() {
            self.done.dead_letters_cured += self.app.redrive.auto_redrive(AUTO_REDRIVES_MAX).await?;
        }
        Ok(())
    }
}

impl ImportCounts {
    const fn add(&mut self, created: bool, changed: bool) {
        match (created, changed) {
            (true, _) => self.created += 1,
            (false, true) => self.changed += 1,
            (false, false) => self.unchanged += 1,
        }
    }

    const fn is_empty(&self) -> bool {
        self.created + self.changed + self.unchanged == 0
    }

    fn sentence(&self) -> String {
        let Self { created, changed, unchanged } = self;
        format!("{created} created, {changed} changed, {unchanged} unchanged")
    }
}

impl LineFault {
    /// Everything that is wrong on a line that cannot be read.
    fn all(line: usize, malformed: &Malformed) -> Vec<Self> {
        let named = malformed.faults().into_iter().map(|EventFault { path, problem }| Self { line, path, problem });
        let others = || Self { line, path: "$".to_owned(), problem: "has other faults besides".to_owned() };
        named.chain(malformed.has_others().then(others)).collect()
    }

    /// The line is well formed, and yet the database does not take it.
    fn refused(line: usize, refused: &StoreError) -> Self {
        Self { line, path: "$".to_owned(), problem: format!("is not stored: {refused}") }
    }
}

impl Imported {
    fn report(&self, file: &str, output: Output) -> String {
        let mut report = TextReport::new(output);
        report.headline(&format!("imported {file}"));
        report.fact("tenants", INDENT, &self.tenants.sentence());
        report.fact("customers", INDENT, &self.customers.sentence());
        if !self.logos.is_empty() {
            report.fact("logos", INDENT, &self.logos.sentence());
        }
        if self.dead_letters_cured > 0 {
            let text = format!("{} put back: what was missing has come", count(self.dead_letters_cured, "dead letter"));
            report.line("cured", Tint::Green, INDENT, &text);
        }
        for tenant in &self.settings_ignored {
            let text =
                format!("the settings of tenant {tenant} in the file do not hold: they count at its creation only");
            report.line("ignored", Tint::Yellow, INDENT, &format!("{text}; change them by `settings set`"));
        }
        for UnknownTenant { line, tenant_id, id } in self.customers_of_unknown_tenants.iter().take(FAULTS_MAX) {
            let text = format!("customer {id}: its tenant {tenant_id} is unknown; import the tenant before it");
            report.line("left out", Tint::Red, INDENT, &format!("{file} line {line}: {text}"));
        }
        for LineFault { line, path, problem } in self.faults.iter().take(FAULTS_MAX) {
            let place = if path == "$" { "it" } else { path.as_str() };
            report.line("left out", Tint::Red, INDENT, &format!("{file} line {line}: {place} {problem}"));
        }
        for LineFault { line, path, problem } in self.warnings.iter().take(FAULTS_MAX) {
            report.line("warning", Tint::Yellow, INDENT, &format!("{file} line {line}: {path} {problem}"));
        }
        if self.warnings.len() > FAULTS_MAX {
            let more = count(self.warnings.len() - FAULTS_MAX, "warning");
            report.line("warning", Tint::Yellow, INDENT, &format!("{more} more; --json lists all"));
        }
        let hidden = self.customers_of_unknown_tenants.len().saturating_sub(FAULTS_MAX)
            + self.faults.len().saturating_sub(FAULTS_MAX);
        if hidden > 0 {
            report.line("left out", Tint::Red, INDENT, &format!("{} more; --json lists all", count(hidden, "fault")));
        }
        report.finish()
    }
}
