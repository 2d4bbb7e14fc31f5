// The customer portal in a real browser: from a caught email to the documents.
//
// usage: node portal.mjs CATCHER EVENTS [PICTURES]
//   CATCHER   the address of the demo's mail catcher
//   EVENTS    a file with the events that were published, one a line
//   PICTURES  a folder for a picture of each page that is met
//
// Each check is one line of output; the last line has their number in the words of `cargo test`.

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { inflateRawSync } from 'node:zlib';
import { chromium } from 'playwright-core';

const [, , catcher, eventsFile, pictures] = process.argv;
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const events = readFileSync(eventsFile, 'utf8').split('\n').flatMap((line) => {
  try { return [JSON.parse(line)]; } catch { return []; } // One event of the demo is broken on purpose.
});

const LAUNCH = { executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const DESKTOP = { viewport: { width: 1280, height: 800 } };
const WAIT = 20_000;
/** Of everything. */
const DEADLINE = 300_000;

let passed = 0;
let failed = 0;

function check(what, isTrue, seen = '') {
  if (isTrue) passed += 1; else failed += 1;
  console.log(`${isTrue ? 'ok' : 'FAILED'}  ${what}${isTrue ? '' : `: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`}`);
}

const same = (what, seen, expected) => check(what, seen === expected, `${seen} is not ${expected}`);
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

async function mailOf(number) {
  const mails = await (await fetch(`${catcher}/mails.json`)).json();
  const mail = mails.find((one) => one.portal_link && one.subject.includes(number));
  if (!mail) throw new Error(`no mail with a link for ${number}`);
  return mail;
}

function documentsOf(number) {
  const event = events.find((one) => one.data?.invoice?.number === number);
  if (!event) throw new Error(`no event of ${number}`);
  return event.data.documents;
}

/** The same page where scripts run, for axe is one: the HTML that the browser has, with the styles that it names. */
async function twinOf(page) {
  const context = await page.context().browser().newContext({ viewport: page.viewportSize(), deviceScaleFactor: 2 });
  const twin = await context.newPage();
  const body = await page.content();
  await twin.route(page.url(), (route) => route.fulfill({ contentType: 'text/html; charset=utf-8', body }));
  await twin.goto(page.url());
  return twin;
}

/** What must hold of every page that is met, in light and in dark. */
async function inspect(page, name) {
  const looked = page.runsNoScript ? await twinOf(page) : page;
  const viewport = looked.viewportSize();
  for (const colorScheme of ['light', 'dark']) {
    await looked.emulateMedia({ colorScheme });
    await looked.evaluate(axe);
    const { violations } = await looked.evaluate(() => window.axe.run());
    const told = violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).join(', ')}`);
    check(`${name} (${colorScheme}): axe finds nothing`, told.length === 0, told);
    if (pictures) {
      mkdirSync(pictures, { recursive: true });
      const file = `${name.replaceAll(/[^a-z0-9]+/gi, '-')}-${viewport.width}-${colorScheme}.png`;
      await looked.screenshot({ path: `${pictures}/${file}`, fullPage: true });
    }
  }
  await looked.setViewportSize({ width: 320, height: 640 });
  const overflow = await looked.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(`${name}: nothing sticks out at 320 pixels`, overflow <= 0, `${overflow} pixels`);
  if (page.runsNoScript) {
    await looked.context().close();
  } else {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme: 'light' });
  }
}

/** A context whose pages may load nothing but what the portal itself serves; what they try otherwise is a fault. */
async function visitor(browser, options) {
  return visitorOf(await browser.newContext({ acceptDownloads: true, locale: 'de-DE', ...options }), options);
}

async function visitorOf(context, options) {
  context.setDefaultTimeout(WAIT);
  const page = await context.newPage();
  page.runsNoScript = options.javaScriptEnabled === false;
  const foreign = [];
  const complaints = [];
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.hostname !== '127.0.0.1') foreign.push(request.url());
  });
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()); });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return { context, page, foreign, complaints };
}

async function closed({ context, foreign, complaints }, who) {
  check(`${who}: nothing is loaded from elsewhere`, foreign.length === 0, foreign);
  // The browser itself notes each page whose status is an error; those are looked at by what they say.
  const others = complaints.filter((text) => !text.includes('the server responded with a status of'));
  check(`${who}: the browser complains of nothing`, others.length === 0, others);
  await context.close();
}

async function downloaded(page, link) {
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

/** The files of a zip archive, by its central directory (APPNOTE 4.3.12). */
function unzipped(bytes) {
  const end = bytes.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  const files = new Map();
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [method, size] = [bytes.readUInt16LE(at + 10), bytes.readUInt32LE(at + 20)];
    const [name, extra, comment] = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset));
    const local = bytes.readUInt32LE(at + 42);
    const data = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const packed = bytes.subarray(data, data + size);
    files.set(bytes.toString('utf8', at + 46, at + 46 + name), method === 0 ? packed : inflateRawSync(packed));
    at += 46 + name + extra + comment;
  }
  return files;
}

async function enter(page, written, number) {
  await page.fill('#postcode', written);
  await page.fill('#house_number', number);
  await page.click('main button[type=submit]');
}

/** A private customer on a phone whose browser runs no script. */
async function onAPhone(browser) {
  const who = await visitor(browser, { ...PHONE, javaScriptEnabled: false });
  const { page } = who;
  const { portal_link: link } = await mailOf('NE-1042');
  const [document] = documentsOf('NE-1042');

  const opening = await page.goto(link);
  same('a link opens', opening.status(), 200);
  check('fetching a link sets no cookie', (await who.context.cookies()).length === 0);
  check('the page of a link tells nothing of the invoice', !(await page.content()).includes('NE-1042'));
  await inspect(page, 'open');
  await page.click('main button[type=submit]');
  const invoice = page.url();
  check('the address of the invoice has no token', !invoice.includes(link.split('/i/')[1]), invoice);
  check('the invoice is shown', (await page.textContent('h1')).includes('NE-1042'));
  check('its documents are not named', !(await page.content()).includes('.pdf'));
  await inspect(page, 'invoice before verification');

  const refused = await page.request.get(`${invoice.split('?')[0]}/documents/1`, { maxRedirects: 0 });
  check('a document is not given before', refused.status() !== 200, refused.status());

  await page.click('a.button[href$="/verification"]');
  await verifiedByCode(page);
  check('the right code shows the documents', await page.isVisible('.files'), await page.textContent('main'));
  await inspect(page, 'invoice');
  const file = await downloaded(page, page.locator('.files a[download]').first());
  same('the download is the document', sha256(file.bytes), document.sha256);
  check('it has its name', file.name.endsWith('.pdf'), file.name);

  await page.goto(`${invoice.split('?')[0]}?lang=fr`);
  same('the switch of languages', await page.getAttribute('html', 'lang'), 'fr');
  await page.click('header button[type=submit]');
  await inspect(page, 'session ended');
  same('the language is carried on', await page.getAttribute('html', 'lang'), 'fr');
  const over = await page.goto(invoice);
  same('after the end nothing is shown', over.status(), 403);
  await inspect(page, 'session over');
  await closed(who, 'a phone without scripts');
}

/** A business customer at a desk, whose tenant verifies everybody before every page. */
async function atADesk(browser) {
  const who = await visitor(browser, DESKTOP);
  const { page } = who;
  const { portal_link: link } = await mailOf('TT-7005');
  const documents = documentsOf('TT-7005');
  await page.goto(link);
  await inspect(page, 'open at a desk');
  await page.click('main button[type=submit]');
  check('nothing is shown before verification', !(await page.content()).includes('TT-7005'));
  await verifiedByPostcode(page);
  check('the right answer shows the documents', await page.isVisible('.files'), await page.textContent('main'));
  const [preview] = await Promise.all([
    page.waitForResponse((response) => response.url().endsWith('/documents/1')),
    page.reload(),
  ]);
  same('the preview loads the PDF', preview.headers()['content-type'], 'application/pdf');
  same('the preview may be shown', preview.status(), 200);
  const box = await page.locator('.preview object').boundingBox();
  check('the preview has its place', box.width > 400 && box.height > 500, box);
  check('the browser shows the PDF', await pdfIsShown(page));
  await inspect(page, 'invoice at a desk');

  const archive = await downloaded(page, page.locator('a[href$="/documents.zip"]'));
  const files = [...unzipped(archive.bytes).values()].map(sha256).sort();
  same('the archive holds the documents', files.join(), documents.map((one) => one.sha256).sort().join());

  await page.click('.back a');
  check('the list has the invoice', (await page.textContent('main')).includes('TT-7005'));
  await inspect(page, 'your invoices');
  await closed(who, 'a desk');
}

/** Whether the browser's viewer has taken the place of the object: its fallback is not rendered then. */
async function pdfIsShown(page) {
  for (let tries = 0; tries < 50; tries += 1) {
    const frames = page.frames().filter((frame) => frame.url().startsWith('chrome-extension:'));
    const isFallback = await page.locator('.preview object p').first().isVisible().catch(() => false);
    if (frames.length > 0 && !isFallback) return true;
    await page.waitForTimeout(100);
  }
  return false;
}

/** By postcode and house number, in another writing than the record's. */
async function verifiedByPostcode(page) {
  await inspect(page, 'postcode');
  await enter(page, '3011 XB', '61');
  check('a wrong number is refused', await page.isVisible('[role=alert]'));
  same('a fault is told to those who cannot see it', await page.getAttribute('#postcode', 'aria-describedby'), 'wrong');
  await inspect(page, 'postcode wrong');
  await enter(page, 'nl-3011xb', '60 a');
}

/** By the code of the text message that the catcher shows. */
async function verifiedByCode(page) {
  check('only the last digits of the number are told', !/\d{3}/.test(await page.textContent('.number')));
  await inspect(page, 'code to be sent');
  await page.click('main form button[type=submit]');
  await page.waitForSelector('#code');
  same('phones offer the code themselves', await page.getAttribute('#code', 'autocomplete'), 'one-time-code');
  await inspect(page, 'code');
  const [text] = await (await fetch(`${catcher}/texts.json`)).json();
  const [, code] = text.text.match(/#(\d{6})$/) ?? [];
  check('the text message holds a code', code !== undefined, text.text);
  await page.fill('#code', code === '000000' ? '000001' : '000000');
  await page.click('main form button[type=submit]');
  check('a wrong code is refused', await page.isVisible('[role=alert]'), await page.textContent('main'));
  await inspect(page, 'code wrong');
  await page.fill('#code', `${code.slice(0, 3)} ${code.slice(3)}`);
  await page.click('main form button[type=submit]');
}

/** Pages that lead nowhere. */
async function astray(browser) {
  const who = await visitor(browser, { ...PHONE, locale: 'nl-NL' });
  const { page } = who;
  const portal = new URL((await mailOf('NE-1042')).portal_link).origin;
  const unknown = await page.goto(`${portal}/i/${'A'.repeat(43)}`);
  same('an unknown link', unknown.status(), 404);
  same('a stranger reads the language of the browser', await page.getAttribute('html', 'lang'), 'nl');
  await inspect(page, 'link unknown');
  await page.click('main button[type=submit]');
  await inspect(page, 'fresh link asked');
  const nothing = await page.goto(`${portal}/nothing/here`);
  same('an unknown page', nothing.status(), 404);
  await inspect(page, 'not found');
  const stranger = await page.goto(`${portal}/invoices/00000000-0000-0000-0000-000000000000`);
  same('an unknown invoice looks like a session that is over', stranger.status(), 403);
  await closed(who, 'a stranger');
}

/** A browser whose settings block all cookies. */
async function withoutCookies() {
  const profile = mkdtempSync(`${tmpdir()}/portal-browser-`);
  mkdirSync(`${profile}/Default`);
  const settings = { profile: { default_content_setting_values: { cookies: 2 } } };
  writeFileSync(`${profile}/Default/Preferences`, JSON.stringify(settings));
  const context = await chromium.launchPersistentContext(profile, { ...LAUNCH, ...PHONE, locale: 'de-DE' });
  const who = await visitorOf(context, PHONE);
  const { page } = who;
  await page.goto((await mailOf('NE-1043')).portal_link);
  await page.click('main button[type=submit]');
  check('a browser without cookies is told so', (await page.textContent('h1')).includes('Cookies'), await page.textContent('main'));
  await inspect(page, 'cookies off');
  await closed(who, 'a browser without cookies');
  rmSync(profile, { recursive: true, force: true });
}

setTimeout(() => {
  check('all is done in time', false, `${DEADLINE / 1000} s are over`);
  conclude();
}, DEADLINE).unref();

function conclude() {
  console.log(`test result: ${failed ? 'FAILED' : 'ok'}. ${passed} passed; ${failed} failed; 0 ignored`);
  process.exit(failed ? 1 : 0);
}

const browser = await chromium.launch(LAUNCH);
for (const scenario of [onAPhone, atADesk, astray, withoutCookies]) {
  try {
    await scenario(browser);
  } catch (error) {
    check(`${scenario.name} goes through`, false, error.stack);
  }
}
await browser.close();
conclude();
