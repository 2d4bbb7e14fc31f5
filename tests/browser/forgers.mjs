// What a role or scope may not do is refused by the server, though the button is forged.

import { check, inspectWork, same } from './browser.mjs';
import { open, origin, pageOf } from './people.mjs';

/** The newest delivery of an invoice, as a page of somebody who may send it again names it. */
async function deliveryOf(tenant, number) {
  const page = pageOf('admin');
  await open(page, `/invoices?tenant=${tenant}&number=${number}`);
  const path = await page.getAttribute('a[href^="/resend"]', 'href');
  return new URL(path, origin).searchParams.get('delivery');
}

/** What the server answers to forms that the page does not have; with the page's token, or another one. */
function forged(page, forms, token) {
  return page.evaluate(async ([all, other]) => {
    const csrf = other ?? document.querySelector('input[name=csrf]').value;
    const answers = {};
    for (const [path, fields] of Object.entries(all)) {
      const body = new URLSearchParams({ csrf, reason: 'x', ...fields });
      answers[path] = (await fetch(path, { method: 'POST', redirect: 'manual', body })).status;
    }
    return answers;
  }, [forms, token]);
}

/** The forms of one delivery and its tenant. */
function formsOf(delivery, tenant) {
  const act = (verb) => [`/deliveries/${delivery}/${verb}`, {}];
  const settings = { tenant, level: 'not_required', primary: '', secondary: '', attachments: 'include', version: '1' };
  return Object.fromEntries([
    ...['acknowledge', 'cancel', 'send-now', 'mark-sent', 'revoke-links', 'lift-lock'].map(act),
    ['/resend', { delivery, idempotency_key: 'x' }],
    ['/settings/portal', settings],
    ['/settings/portal/restore', { tenant, version: '1', restore: '1' }],
    [`/tenants/${tenant}/pause`, {}],
    [`/tenants/${tenant}/resume`, {}],
  ]);
}

/** Forms that only administrators have. */
const ADMINISTRATION = {
  '/operators': { email: 'evil@tulp.example', name: 'x', role: 'admin' },
  '/tokens': { name: 'x', role: 'admin' },
};

const refusedAll = (who, answers, status) => {
  const others = Object.entries(answers).filter(([, seen]) => seen !== status);
  check(`${who}: each of ${Object.keys(answers).length} forged forms is answered by ${status}`, others.length === 0, others);
};

/** A viewer is offered nothing and reads nothing of a person; what is forged is refused. */
export async function aViewerIsRefused() {
  const page = pageOf('viewer');
  const delivery = await deliveryOf('tulp', 'TT-7003');
  await open(page, '/invoices?tenant=tulp&number=TT-7003');
  same('a viewer is offered no resend', await page.locator('a[href^="/resend"], .standing button').count(), 0);
  check('a viewer reads no address', !(await page.content()).includes('accounts@harbour-lights.example'));
  await inspectWork(page, 'invoice of a viewer');
  for (const path of [`/resend?delivery=${delivery}`, `/deliveries/${delivery}/mail`, `/deliveries/${delivery}/mail/html`]) {
    same(`a viewer: ${path.replace(delivery, '…')}`, (await page.request.get(`${origin}${path}`)).status(), 403);
  }
  refusedAll('a viewer', await forged(page, { ...formsOf(delivery, 'tulp'), ...ADMINISTRATION }), 403);
  refusedAll('support', await forged(pageOf('support'), ADMINISTRATION), 403);
}

/** What belongs to another tenant is not there. */
export async function aForeignTenantIsNotThere() {
  const page = pageOf('tenant_admin');
  const delivery = await deliveryOf('nordlicht', 'NE-1042');
  await open(page, '/');
  for (const path of [
    '/invoices?tenant=nordlicht&number=NE-1042', `/deliveries/${delivery}`, `/deliveries/${delivery}/mail`,
    `/resend?delivery=${delivery}`, '/customers/nordlicht/K-1002', '/tenants/nordlicht', '/settings/portal?tenant=nordlicht',
  ]) {
    const answer = await page.request.get(`${origin}${path}`, { maxRedirects: 0 });
    same(`of another tenant: ${path.replace(delivery, '…')}`, answer.status(), 404);
  }
  refusedAll('another tenant', await forged(page, formsOf(delivery, 'nordlicht')), 404);
  await open(page, '/search?q=NE-1042');
  same('a search does not find it', await page.locator('.rows').count(), 0);
  await inspectWork(page, 'nothing found');
  const own = await open(page, '/invoices?tenant=tulp&number=TT-7003');
  same('their own is', own.status(), 200);
  await open(page, '/tenants');
  same('they have one tenant', await page.locator('.rows tbody tr').count(), 1);
}

/** A form without the session's token does nothing, whoever sends it. */
export async function aForeignFormDoesNothing() {
  const page = pageOf('support');
  const delivery = await deliveryOf('nordlicht', 'NE-1051');
  await open(page, '/');
  refusedAll('without the token', await forged(page, formsOf(delivery, 'nordlicht'), ''), 403);
  const others = await pageOf('viewer').inputValue('input[name=csrf]');
  refusedAll('with the token of another', await forged(page, formsOf(delivery, 'nordlicht'), others), 403);
  await open(page, '/?kind=expired');
  same('nothing was acknowledged', await page.locator('.rows tbody tr').count(), 1);
}
