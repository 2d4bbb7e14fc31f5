// The customer portal in a real browser: from a caught email to the documents, and to every page that refuses them.
//
// usage: node portal.mjs CATCHER FOLDER EVENTS BINARY
//   CATCHER  the address of the demo's mail catcher
//   FOLDER   the demo's folder
//   EVENTS   a file with the events that were published, one a line
//   BINARY   the dispatcher
//
// PICTURES names a folder for pictures of each page that is met.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import {
  DESKTOP, PHONE, check, closed, inspect, inspectPrint, run, same, visitor, visitorWithoutCookies,
} from './browser.mjs';
import { documentsOf, mailOf, newestText } from './demo.mjs';
import { enter, refusals } from './refusals.mjs';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

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

  await inspectPrint(page, 'invoice at a desk');
  await page.click('.back a');
  check('the list has the invoice', (await page.textContent('main')).includes('TT-7005'));
  await inspect(page, 'your invoices');
  await inspectPrint(page, 'your invoices');
  await closed(who, 'a desk');
}

/** Whether the browser's viewer has taken the place of the object: its fallback is not rendered then. */
async function pdfIsShown(page) {
  for (let tries = 0; tries < 600; tries += 1) {
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
  const text = await newestText();
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
  const who = await visitorWithoutCookies({ ...PHONE, locale: 'de-DE' });
  const { page } = who;
  await page.goto((await mailOf('NE-1043')).portal_link);
  await page.click('main button[type=submit]');
  check('a browser without cookies is told so', (await page.textContent('h1')).includes('Cookies'), await page.textContent('main'));
  await inspect(page, 'cookies off');
  await closed(who, 'a browser without cookies');
}

await run([onAPhone, atADesk, astray, withoutCookies, ...refusals]);
