// The people of the console: how they come in, and what their browsers keep.

import { createHmac } from 'node:crypto';
import { check, closed, DESKTOP, followed, inspect, same, visitor } from './browser.mjs';

const [, , , , , , invitation] = process.argv;
/** The console's own address. */
export const origin = new URL(invitation).origin;
const PASSWORD = 'blau geteerte Leiter am Kai';

/** Who has signed in, by role: their page and context, address, the app's secret and the recovery codes. */
const people = new Map();

export const pageOf = (role) => people.get(role).page;

/** The code of RFC 6238 for a secret in base32. */
function totp(secret, at) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret].map((one) => letters.indexOf(one).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac('sha1', key).update(counter).digest();
  const offset = mac[19] & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** Opens a page of the console. */
export const open = (page, path) => page.goto(`${origin}${path}`);

/** From a one-time link to the work list: a password, the authenticator app, recovery codes. */
async function enrol(browser, role, address, link, looks) {
  const who = await visitor(browser, DESKTOP);
  const { page } = who;
  const look = async (name) => { if (looks) await inspect(page, name); };
  await page.goto(link);
  await look('invitation');
  if (looks) {
    await page.fill('#password', 'kurz');
    await page.fill('#password_again', 'kurz');
    await followed(page, 'main form button');
    check('a short password is refused', await page.isVisible('[role=alert]'), await page.textContent('main'));
    await look('invitation refused');
  }
  await page.fill('#name', role);
  await page.fill('#password', PASSWORD);
  await page.fill('#password_again', PASSWORD);
  await followed(page, 'main form button');
  // A viewer may do without the app.
  if (role === 'viewer') await open(page, '/account/totp');
  same(`${role}: the app is set up`, new URL(page.url()).pathname, '/account/totp');
  await look('authenticator app');
  const secret = (await page.textContent('.secret code')).replaceAll(/\s/g, '');
  if (looks) {
    await page.fill('#code', '000000');
    await followed(page, 'main form button');
    check('a wrong first code is refused', await page.isVisible('[role=alert]'), await page.textContent('main'));
    await look('authenticator app refused');
  }
  const at = Date.now();
  await page.fill('#code', totp(secret, at));
  await followed(page, 'main form button');
  const codes = await page.locator('.codes code').allTextContents();
  check(`${role}: recovery codes are shown`, codes.length >= 8, await page.textContent('main'));
  await look('recovery codes');
  await followed(page, 'main a.button');
  people.set(role, { ...who, address, secret, codes, at });
}

async function signOut(page) {
  await page.click('button.who');
  await followed(page, 'form[action="/sign-out"] button');
}

async function enterPassword(page, address, password) {
  await page.fill('#email', address);
  await page.fill('#password', password);
  await followed(page, 'main form button');
}

async function enterCode(page, code) {
  await page.fill('#code', code);
  await followed(page, 'main form button');
}

/** Out, and in again by password and the app's next code: each counts once. */
async function signInAgain(role) {
  const { page, address, secret, at } = people.get(role);
  await signOut(page);
  await open(page, '/search?q=NE-1042');
  await enterPassword(page, address, PASSWORD);
  same(`${role}: a code is asked for`, new URL(page.url()).pathname, '/sign-in/code');
  await enterCode(page, totp(secret, at));
  check(`${role}: a code that was used is refused`, await page.isVisible('[role=alert]'), await page.textContent('main'));
  await enterCode(page, totp(secret, Math.max(Date.now(), at + 30_000)));
  same(`${role}: the next code leads to what was asked for`, page.url(), `${origin}/search?q=NE-1042`);
}

/** The first person comes by the demo's own link. */
export async function administratorComesIn(browser) {
  await enrol(browser, 'admin', 'admin@demo.example', invitation, true);
  const page = pageOf('admin');
  same('the work list is the start', new URL(page.url()).pathname, '/');
  const again = await page.request.get(invitation);
  same('a one-time link works once', again.status(), 404);
}

/** All others are invited on the page of people; each sees what the role may see. */
export async function othersComeIn(browser) {
  const admin = pageOf('admin');
  for (const role of ['support', 'operations', 'viewer', 'tenant_admin']) {
    const address = `${role}@nordlicht.example`;
    await open(admin, '/operators');
    await admin.click('details.add summary');
    await admin.fill('#email', address);
    await admin.fill('#name', role);
    await admin.selectOption('#role', role);
    if (role === 'tenant_admin') await admin.fill('#tenants', 'tulp');
    await followed(admin, 'details.add button[type=submit]');
    const link = (await admin.textContent('.once code')).trim();
    await enrol(browser, role, address, link, false);
  }
}

/** Everybody signs in by password and code, and finds the pages of the role. */
export async function everybodySignsIn() {
  for (const [role, { page }] of people) {
    await signInAgain(role);
    const paths = await page.locator('nav li a').evaluateAll((links) => links.map((link) => link.getAttribute('href')));
    const expected = ['/', '/search', '/tenants', '/settings/portal'];
    if (role === 'admin') expected.push('/operators', '/tokens', '/audit');
    same(`${role}: the navigation`, paths.join(), expected.join());
    for (const path of ['/operators', '/tokens', '/audit']) {
      same(`${role}: ${path}`, (await page.request.get(`${origin}${path}`)).status(), role === 'admin' ? 200 : 403);
    }
  }
}

/** A wrong password, a recovery code that counts once, and a session that its owner ends from another browser. */
export async function supportSignsInElsewhere(browser) {
  const { page: first, address, codes } = people.get('support');
  const second = await visitor(browser, DESKTOP);
  const { page } = second;
  await open(page, '/sign-in');
  await inspect(page, 'sign-in');
  await enterPassword(page, address, 'falsch und lang genug');
  check('a wrong password is refused', await page.isVisible('[role=alert]'), await page.textContent('main'));
  const told = await page.textContent('[role=alert]');
  await inspect(page, 'sign-in refused');
  await enterPassword(page, 'nobody@nordlicht.example', 'falsch und lang genug');
  same('nobody learns who has an account', await page.textContent('[role=alert]'), told);
  await enterPassword(page, address, PASSWORD);
  await inspect(page, 'sign-in code');
  await enterCode(page, codes[0]);
  await open(page, '/account');
  same('both sessions are theirs', await page.locator('.rows tbody tr').count(), 2);
  await followed(page, 'form[action="/account/sessions/end-others"] button');
  same('the other one has ended', await page.locator('.rows tbody tr').count(), 1);
  await open(first, '/search');
  same('it leads to the entrance', new URL(first.url()).pathname, '/sign-in');
  await enterPassword(first, address, PASSWORD);
  await enterCode(first, codes[0]);
  check('a recovery code counts once', await first.isVisible('[role=alert]'), await first.textContent('main'));
  await enterCode(first, codes[1]);
  await signOut(page);
  await inspect(page, 'signed out');
  await followed(page, 'footer button[value=nl]');
  same('the entrance speaks Dutch', await page.getAttribute('html', 'lang'), 'nl');
  await closed(second, 'another browser');
}

/** Whoever is locked out has no page any more. */
export async function aViewerIsLockedOut() {
  const [admin, viewer] = [pageOf('admin'), pageOf('viewer')];
  await open(admin, '/operators');
  const row = admin.locator('.operators tbody tr', { hasText: people.get('viewer').address });
  await row.locator('[popovertarget]').first().click();
  await Promise.all([admin.waitForNavigation(), row.locator('form[action$="/disable"] button').click()]);
  await open(viewer, '/');
  same('a session ends with its account', new URL(viewer.url()).pathname, '/sign-in');
  await enterPassword(viewer, people.get('viewer').address, PASSWORD);
  check('and none begins', await viewer.isVisible('[role=alert]'), await viewer.textContent('main'));
}

/** The same person in another browser, which is signed in already. */
export async function alsoAs(browser, role, options) {
  return visitor(browser, { ...options, storageState: await people.get(role).context.storageState() });
}

export const everybody = () => [...people];
