// The console in a real browser: people sign in, support resends an invoice, the administrator changes the settings.
//
// usage: node console.mjs CATCHER DEMO EVENTS BINARY INVITATION
//   CATCHER     the address of the demo's mail catcher
//   DEMO        the demo's folder
//   EVENTS      a file with the events that were published, one a line
//   BINARY      the dispatcher
//   INVITATION  the one-time link that the demo prints
//
// Each check is one line of output; the last line has their number in the words of `cargo test`.

import { createHmac } from 'node:crypto';
import { check, closed, DESKTOP, inspect, PHONE, run, same, visitor } from './browser.mjs';
import { mailOf } from './demo.mjs';

const [, , catcher, , , , invitation] = process.argv;
const origin = new URL(invitation).origin;
const PASSWORD = 'blau geteerte Leiter am Kai';
/** Who signs in: their secrets, as soon as they have any, and what their browser keeps. */
const people = new Map();

/** The code of RFC 6238 for a secret in base32, at this moment. */
function totp(secret, at = Date.now()) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret.replaceAll(' ', '')].map((one) => letters.indexOf(one).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac('sha1', key).update(counter).digest();
  const offset = mac[19] & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

const mails = async () => (await fetch(`${catcher}/mails.json`)).json();

/** Waits until `look` gives something; what it gave. */
async function until(what, look) {
  for (let tries = 0; tries < 100; tries += 1) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} did not come`);
}

/** From a one-time link to the work list: a password, the authenticator app, recovery codes. */
async function enrol(browser, link, name, looks) {
  const who = await visitor(browser, DESKTOP);
  const { page } = who;
  await page.goto(link);
  if (looks) await inspect(page, 'invitation');
  if (await page.inputValue('#name') === '') await page.fill('#name', name);
  if (looks) {
    await page.fill('#password', 'kurz');
    await page.fill('#password_again', 'kurz');
    await page.click('main form button');
    check('a short password is refused', await page.isVisible('[role=alert]'), await page.textContent('main'));
    await inspect(page, 'invitation refused');
  }
  await page.fill('#password', PASSWORD);
  await page.fill('#password_again', PASSWORD);
  await page.click('main form button');
  if (!page.url().endsWith('/account/totp')) await page.goto(`${origin}/account/totp`);
  if (looks) await inspect(page, 'authenticator app');
  const secret = await page.textContent('.secret code');
  await page.fill('#code', totp(secret));
  await page.click('main form button');
  const codes = await page.locator('.codes code').allTextContents();
  check(`${name}: recovery codes are shown`, codes.length >= 8, codes);
  if (looks) await inspect(page, 'recovery codes');
  await page.click('main a.button');
  await page.goto(`${origin}/`);
  people.set(name, { ...who, secret, codes });
  return who;
}

/** The first person: the demo's own link leads to the work list. */
async function administratorComesIn(browser) {
  const { page } = await enrol(browser, invitation, 'admin', true);
  same('the work list is the start', new URL(page.url()).pathname, '/');
  await inspect(page, 'work list');
  const again = await page.request.get(invitation);
  same('a one-time link works once', again.status(), 404);
  for (const path of ['/search', '/tenants', '/operators', '/tokens', '/audit', '/account', '/settings/portal']) {
    const answer = await page.goto(`${origin}${path}`);
    same(`${path} opens`, answer.status(), 200);
    await inspect(page, path.slice(1));
  }
  const nothing = await page.goto(`${origin}/nothing/here`);
  same('an unknown page', nothing.status(), 404);
  await inspect(page, 'console not found');
}

/** The others are invited on the page of people; each sees what the role may see. */
async function othersComeIn(browser) {
  const { page } = people.get('admin');
  const offers = { support: 4, viewer: 4, operations: 4, tenant_admin: 4 };
  for (const [role, entries] of Object.entries(offers)) {
    await page.goto(`${origin}/operators`);
    await page.click('details.add summary');
    await page.fill('#email', `${role}@nordlicht.example`);
    await page.fill('#name', role);
    await page.selectOption('#role', role);
    if (role === 'tenant_admin') await page.fill('#tenants', 'tulp');
    await page.click('details.add button[type=submit]');
    const link = await page.textContent('.once code');
    const who = await enrol(browser, link, role, false);
    const shown = await who.page.locator('nav li a').count();
    same(`${role}: entries of the navigation`, shown, entries);
  }
}

/** On the phone: an invoice by its number alone, why it has no attachment, and a resend to a corrected address. */
async function supportHelps() {
  const { page } = people.get('support');
  await page.goto(`${origin}/`);
  await page.keyboard.press('/');
  await page.keyboard.type('ne-1042');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/search?q=ne-1042');
  await inspect(page, 'search results');
  await page.locator('.rows tbody tr', { hasText: 'NE-1042' }).first().click();
  await page.waitForSelector('h1:has-text("NE-1042")');
  await inspect(page, 'invoice sent');
  check('it says why there is no attachment', (await page.textContent('.timeline')).includes('Privatkunde'), await page.textContent('.timeline'));
  await page.locator('a[href^="/resend"]').first().click();
  await inspect(page, 'resend plan');
  await page.fill('#to', 'joerg.neu@post.example');
  await page.locator('#to').press('Tab');
  await page.waitForFunction(() => document.querySelector('#plan')?.textContent.includes('joerg.neu@post.example'));
  check('an unknown address is warned of', await page.isVisible('#plan .mind'), await page.textContent('#plan'));
  await inspect(page, 'resend to another address');
  await page.fill('#reason', 'Neue Adresse am Telefon genannt');
  for (const box of await page.locator('.must input').all()) await box.check();
  await page.click('.send button[type=submit]');
  await page.waitForURL('**/invoices?**');
  await page.waitForFunction(() => document.querySelector('.standing .pill')?.textContent.includes('Gesendet'));
  await until('the mail at the new address', async () =>
    (await mails()).find((mail) => JSON.stringify(mail).includes('joerg.neu@post.example')));
  check('the timeline says on whose word', (await page.textContent('.timeline')).includes('Neue Adresse am Telefon genannt'));
  await inspect(page, 'invoice resent');
  await page.locator('a[href$="/mail"]').first().click();
  check('the mail is proven', await page.isVisible('.proof:not(.differs)'), await page.textContent('main'));
  await inspect(page, 'mail as sent');
}

/** A rejected invoice is acknowledged, and leaves the list. */
async function supportAcknowledges() {
  const { page } = people.get('support');
  await page.goto(`${origin}/?kind=rejected`);
  const rows = page.locator('.rows tbody tr', { hasText: 'TT-7007' });
  same('the rejected invoice waits', await rows.count(), 1);
  await inspect(page, 'work list of rejected');
  await rows.locator('form[action$="/acknowledge"] button').click();
  await page.waitForURL('**done=acknowledged**');
  same('it is not on the list any more', await rows.count(), 0);
  await page.goto(`${origin}/?acknowledged=1`);
  check('who acknowledged it is kept', (await page.textContent('.rows')).includes('support@nordlicht.example'));
  await inspect(page, 'work list acknowledged');
}

/** What a role may not do is refused by the server, though the button is forged. */
async function forgersAreRefused() {
  const { page } = people.get('viewer');
  await page.goto(`${origin}/search?q=TT-7001`);
  await page.locator('.rows .main a').first().click();
  same('a viewer is offered no resend', await page.locator('a[href^="/resend"]').count(), 0);
  check('a viewer reads no address', !(await page.content()).includes('zoe.devries@post.example'));
  await inspect(page, 'invoice of a viewer');
  const forged = await page.evaluate(async () => {
    const id = document.querySelector('.facts code:nth-of-type(1)') && [...document.querySelectorAll('aside .facts code')].map((one) => one.textContent).find((text) => /^[0-9a-f-]{36}$/.test(text));
    const csrf = document.querySelector('input[name=csrf]').value;
    const post = async (path, fields) => (await fetch(path, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ csrf, ...fields }) })).status;
    return {
      acknowledge: await post(`/deliveries/${id}/acknowledge`, {}),
      cancel: await post(`/deliveries/${id}/cancel`, { reason: 'x' }),
      resend: await post('/resend', { delivery: id, reason: 'x', idempotency_key: crypto.randomUUID() }),
      settings: await post('/settings/portal', { tenant: 'tulp', level: 'not_required', attachments: 'include', version: '1', reason: 'x' }),
      operator: await post('/operators', { email: 'evil@tulp.example', name: 'x', role: 'admin' }),
    };
  });
  for (const [what, status] of Object.entries(forged)) same(`a viewer's forged form: ${what}`, status, 403);

  const theirs = people.get('tenant_admin').page;
  const foreign = await theirs.goto(`${origin}/invoices?tenant=nordlicht&number=NE-1042`);
  same('another tenant is not there', foreign.status(), 404);
  const own = await theirs.goto(`${origin}/invoices?tenant=tulp&number=TT-7001`);
  same('their own is', own.status(), 200);
  const settings = await theirs.goto(`${origin}/settings/portal?tenant=nordlicht`);
  same('nor are its settings', settings.status(), 404);
}

/** The administrator asks for verification before every page: the open portal page and the next mail follow. */
async function administratorSecures(browser) {
  const customer = await visitor(browser, PHONE);
  const { portal_link: link } = await mailOf('NE-1043');
  await customer.page.goto(link);
  await customer.page.click('main button[type=submit]');
  check('before, the invoice is shown', (await customer.page.textContent('main')).includes('NE-1043'));

  const { page } = people.get('admin');
  await page.goto(`${origin}/settings/portal?tenant=nordlicht`);
  await inspect(page, 'settings of a tenant');
  const before = await page.textContent('#foreseen');
  await page.check('input[name=level][value=every_page]');
  await page.waitForFunction((old) => document.querySelector('#foreseen').textContent !== old, before);
  check('what follows is shown before it is saved', (await page.textContent('#foreseen')).includes('vor jeder Seite'), await page.textContent('#foreseen'));
  await inspect(page, 'settings before saving');
  await page.fill('#reason', 'Datenschutz');
  await page.click('.send button[type=submit]:not([formaction])');
  await page.waitForURL('**done=settings_saved**');
  await inspect(page, 'settings saved');

  await customer.page.reload();
  check('the open page follows at once', !(await customer.page.textContent('main')).includes('NE-1043'), await customer.page.textContent('main'));
  await closed(customer, 'a customer');

  await page.goto(`${origin}/invoices?tenant=nordlicht&number=NE-1043`);
  await page.locator('a[href^="/resend"]').first().click();
  await page.fill('#reason', 'Neue Einstellungen');
  for (const box of await page.locator('.must input').all()) await box.check();
  await page.click('.send button[type=submit]');
  await page.waitForFunction(() => document.querySelector('.standing .pill')?.textContent.includes('Gesendet'));
  check('the next mail follows', (await page.textContent('.timeline')).includes('Jede Seite öffnet sich erst nach einer Prüfung'), await page.textContent('.timeline'));

  await page.goto(`${origin}/audit`);
  const log = await page.textContent('.rows');
  check('all of it stands in the audit log', log.includes('Datenschutz') && log.includes('Neue Adresse am Telefon genannt'), log);
  await inspect(page, 'audit log');
}

/** Out, and in again: by password and a recovery code; a session of another browser is ended. */
async function signingInAgain() {
  const { page, codes } = people.get('support');
  await page.click('button.who');
  await page.click('form[action="/sign-out"] button');
  await page.waitForURL('**/sign-in**');
  await page.goto(`${origin}/audit`);
  check('what was asked for is kept for later', page.url().includes('next='), page.url());
  await page.fill('#email', 'support@nordlicht.example');
  await page.fill('#password', 'falsch und lang genug');
  await page.click('main form button');
  check('a wrong password is refused', await page.isVisible('[role=alert]'));
  await inspect(page, 'sign-in refused');
  await page.fill('#password', PASSWORD);
  await page.click('main form button');
  await inspect(page, 'code');
  await page.fill('#code', codes[0]);
  await page.click('main form button');
  const refused = await page.goto(`${origin}/audit`);
  same('support does not read the audit log', refused.status(), 403);
  await inspect(page, 'console forbidden');
  await page.goto(`${origin}/account`);
  same('one session is theirs', await page.locator('.rows tbody tr').count(), 1);
}

async function allGo() {
  for (const [name, who] of people) await closed(who, name);
}

await run([
  administratorComesIn,
  othersComeIn,
  supportHelps,
  supportAcknowledges,
  forgersAreRefused,
  administratorSecures,
  signingInAgain,
  allGo,
]);
