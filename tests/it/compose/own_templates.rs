//! An operator's and a tenant's own templates: as small as one sentence, and never more than a mail may say.

use std::sync::Arc;

use std::path::Path;

use invoice_dispatcher::compose::{ComposeError, Templates, compose};
use invoice_dispatcher::model::ids::TenantId;
use invoice_dispatcher::model::invoice_kind::InvoiceKind;
use invoice_dispatcher::policy::decision::Plan;
use mailparse::{MailHeaderMap, parse_mail};

use crate::compose::sample::{PLANS, snapshot};

fn with(files: &[(&str, &str)]) -> Templates {
    let folder = tempfile::tempdir().unwrap();
    for (name, source) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(path, source).unwrap();
    }
    Templates::with_overrides(folder.path()).unwrap()
}

fn subject(templates: &Templates, tenant: &str) -> String {
    let mut snapshot = snapshot("de-DE", InvoiceKind::Invoice);
    snapshot.data.tenant_id = TenantId::from(tenant);
    let mail = compose(templates, &snapshot, Plan::Attach, &[]).unwrap();
    parse_mail(&mail.bytes).unwrap().headers.get_first_value("Subject").unwrap()
}

#[test]
fn a_tenants_own_subject_stands_before_the_operators() {
    let templates = with(&[
        ("de/invoice/subject.txt.j2", "Beleg {{ invoice.number }}"),
        ("tenants/acme/de/invoice/subject.txt.j2", "Ihre Rechnung\r\n Bcc: {{ invoice.number }}"),
    ]);
    assert_eq!(subject(&templates, "acme"), "Ihre Rechnung Bcc: R-2026-0042");
    assert_eq!(subject(&templates, "other"), "Beleg R-2026-0042");
    let again = Templates::from_sources(&templates.sources()).unwrap();
    assert_eq!(subject(&again, "acme"), "Ihre Rechnung Bcc: R-2026-0042");
}

#[test]
fn a_tenants_own_sentence_is_escaped_and_cannot_tell_more() {
    let title = "<b>{{ tenant.name }}</b> {{ invoice.amount }}{{ link }}{{ customer_name }}";
    let own = include_str!("../../../templates/de/invoice/words.j2").replace("Rechnung {{ invoice.number }}", title);
    assert!(own.contains(title));
    let templates = with(&[("tenants/acme/de/invoice/words.j2", &own)]);
    let mut snapshot = snapshot("de-DE", InvoiceKind::Invoice);
    Arc::make_mut(&mut snapshot.tenant).name = "A & B <i>".to_owned();
    let mail = compose(&templates, &snapshot, PLANS[3], &[]).unwrap();
    let parsed = parse_mail(&mail.bytes).unwrap();
    let html = parsed.subparts[1].get_body().unwrap();
    assert!(html.contains("A &amp; B &lt;i&gt;") && !html.contains("<i>"), "{html}");
    assert!(!html.contains("1.190") && !html.contains("Käufer"), "{html}");
}

#[test]
fn a_fault_names_the_template_and_nothing_is_composed() {
    // Stored sources are not checked with sample data: they made mails once.
    for (source, expected) in [
        ("{{ invoice.iban }}", "undefined"),
        ("{% for a in range(90000) %}{% for b in range(90000) %}x{% endfor %}{% endfor %}", "too much work"),
        ("{{ 'x' * 70000 }}", "65536"),
    ] {
        let own = format!(r#""tenants":{{"acme":{{"de/invoice/body.txt.j2":"{source}"}}}}"#);
        let sources = Templates::builtin().sources().replace(r#""tenants":{}"#, &own);
        let templates = Templates::from_sources(&sources).unwrap();
        let fault = compose(&templates, &snapshot("de-DE", InvoiceKind::Invoice), Plan::Attach, &[]).unwrap_err();
        assert!(matches!(&fault, ComposeError::Template { template, .. } if template.starts_with("de/invoice")));
        assert!(fault.to_string().contains(expected), "{fault}");
    }
}
