// What every scenario needs: a browser, its visitors, and what must hold of each page that is met.
//
// Each check is one line of output; the last line has their number in the words of `cargo test`.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { chromium } from 'playwright-core';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** A folder for a picture of each page that is met. */
const pictures = process.env.PICTURES;

export const LAUNCH = { executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] };
export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const WAIT = 60_000;
/** Of everything. */
const DEADLINE = 1_200_000;
/** Windows in which nothing may stick out or be cut off (WCAG 2.2, 1.4.4 and 1.4.10): 1280 pixels at 200 % and at 400 %. */
const ZOOMED = [{ width: 640, height: 400 }, { width: 320, height: 256 }];
/** What pictures are taken of. */
const PICTURED = [320, 390, 1280];
/** How wide the windows are in which people work: a phone, a desk, a large screen. */
const WORKED_AT = [390, 1280, 1920];

let passed = 0;
let failed = 0;

export function check(what, isTrue, seen = '') {
  if (isTrue) passed += 1; else failed += 1;
  console.log(`${isTrue ? 'ok' : 'FAILED'}  ${what}${isTrue ? '' : `: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`}`);
}

/** Clicks, and waits for the page that follows. */
export const followed = (page, selector) => Promise.all([page.waitForNavigation(), page.click(selector)]);

export const same = (what, seen, expected) => check(what, seen === expected, `${seen} is not ${expected}`);
/** The same page where scripts run, for axe is one: the HTML that the browser has, with the styles that it names. */
async function twinOf(page) {
  const context = await page.context().browser().newContext({ viewport: page.viewportSize(), deviceScaleFactor: 2 });
  const twin = await context.newPage();
  const body = await page.content();
  await twin.route(page.url(), (route) => route.fulfill({ contentType: 'text/html; charset=utf-8', body }));
  await twin.goto(page.url());
  return twin;
}

/** What sticks out of the page or is cut off in it; where `shortens`, what ends in three dots is meant so. */
function layoutFaults(shortens) {
  const root = document.documentElement;
  const overflow = root.scrollWidth - root.clientWidth;
  const faults = overflow > 0 ? [`the page is ${overflow} pixels too wide`] : [];
  for (const element of document.querySelectorAll('body *:not(input, object, svg *)')) {
    const style = getComputedStyle(element);
    const isForScreenReaders = style.clipPath !== 'none';
    const isShortened = shortens && style.textOverflow === 'ellipsis';
    const isCut = style.overflowX !== 'visible' && element.scrollWidth > element.clientWidth + 1;
    if (isCut && !isForScreenReaders && !isShortened) {
      faults.push(`${element.tagName.toLowerCase()}.${element.className} is cut off`);
    }
  }
  return faults;
}

async function axeFinds(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  const told = violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).join(', ')}`);
  check(`${what}: axe finds nothing`, told.length === 0, told);
}

function pictureOf(name, kind) {
  mkdirSync(pictures, { recursive: true });
  return `${pictures}/${name.replaceAll(/[^a-z0-9]+/gi, '-')}-${kind}`;
}

async function takePictures(page, name, colorScheme, widths) {
  for (const width of widths) {
    await page.setViewportSize({ width, height: 844 });
    await page.screenshot({ path: pictureOf(name, `${width}-${colorScheme}.png`), fullPage: true });
  }
}

async function fits(page, name, size, shortens) {
  await page.setViewportSize(size);
  const faults = await page.evaluate(layoutFaults, shortens);
  check(`${name}: nothing is lost at ${size.width} pixels`, faults.length === 0, faults);
}

/** What must hold of every page that is met, in light and in dark. */
export async function inspect(page, name) {
  const looked = page.runsNoScript ? await twinOf(page) : page;
  const viewport = looked.viewportSize();
  for (const colorScheme of ['light', 'dark']) {
    await looked.emulateMedia({ colorScheme });
    await axeFinds(looked, `${name} (${colorScheme})`);
    if (pictures) await takePictures(looked, name, colorScheme, PICTURED);
    await looked.setViewportSize(viewport);
  }
  for (const zoomed of ZOOMED) await fits(looked, name, zoomed, false);
  if (page.runsNoScript) {
    await looked.context().close();
  } else {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme: 'light' });
  }
}

/** The same of a page on which people work, on a phone as at a desk. */
export async function inspectWork(page, name) {
  const viewport = page.viewportSize();
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const width of [1280, 390]) {
      await page.setViewportSize({ ...viewport, width });
      await axeFinds(page, `${name} (${colorScheme}, ${width} pixels)`);
    }
    if (pictures) await takePictures(page, name, colorScheme, WORKED_AT);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await inspectWidths(page, name);
}

/** Whether all of a page fits, from a window of 1280 pixels at 400 % to a large screen. */
export async function inspectWidths(page, name) {
  const viewport = page.viewportSize();
  for (const zoomed of ZOOMED) await fits(page, name, zoomed, false);
  for (const width of WORKED_AT) await fits(page, name, { ...viewport, width }, true);
  await page.setViewportSize(viewport);
}

/** Whether a page can be read on paper, also if the window is dark: in black on white, on one sheet. */
export async function inspectPrint(page, name) {
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  await axeFinds(page, `${name} (print)`);
  check(`${name}: paper has no buttons`, (await page.locator('button:visible, .button:visible').count()) === 0);
  await page.emulateMedia({ media: null, colorScheme: 'light' });
  const margin = { top: '2cm', bottom: '2cm', left: '2cm', right: '2cm' };
  const pdf = await page.pdf({ format: 'A4', margin, ...(pictures && { path: pictureOf(name, 'print.pdf') }) });
  const sheets = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g).length;
  same(`${name}: sheets of paper`, sheets, 1);
}

/** A context whose pages may load nothing but what the server itself serves; what they try otherwise is a fault. */
export async function visitor(browser, options) {
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

export async function closed({ context, foreign, complaints, profile }, who) {
  check(`${who}: nothing is loaded from elsewhere`, foreign.length === 0, foreign);
  // The browser itself notes each page whose status is an error; those are looked at by what they say.
  const others = complaints.filter((text) => !text.includes('the server responded with a status of'));
  check(`${who}: the browser complains of nothing`, others.length === 0, others);
  await context.close();
  if (profile) rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
}

/** A browser whose settings block all cookies. */
export async function visitorWithoutCookies(options) {
  const profile = mkdtempSync(`${tmpdir()}/portal-browser-`);
  mkdirSync(`${profile}/Default`);
  const settings = { profile: { default_content_setting_values: { cookies: 2 } } };
  writeFileSync(`${profile}/Default/Preferences`, JSON.stringify(settings));
  const context = await chromium.launchPersistentContext(profile, { ...LAUNCH, ...options });
  return { ...(await visitorOf(context, options)), profile };
}

/** Runs the scenarios one after the other, and ends the process. */
export async function run(scenarios) {
  setTimeout(() => {
    check('all is done in time', false, `${DEADLINE / 1000} s are over`);
    conclude();
  }, DEADLINE).unref();
  const browser = await chromium.launch(LAUNCH);
  for (const scenario of scenarios) {
    const began = Date.now();
    try {
      await scenario(browser);
    } catch (error) {
      check(`${scenario.name} goes through`, false, error.stack);
    }
    console.log(`    ${scenario.name} took ${Math.round((Date.now() - began) / 1000)} s`);
  }
  await browser.close();
  conclude();
}

function conclude() {
  console.log(`test result: ${failed ? 'FAILED' : 'ok'}. ${passed} passed; ${failed} failed; 0 ignored`);
  process.exit(failed ? 1 : 0);
}
