// Support on the phone: an invoice is found, understood, sent again, and taken off the work list.

import { check, closed, DESKTOP, followed, inspect, inspectWork, PHONE, same } from './browser.mjs';
import { mailOf, mailTo } from './demo.mjs';
import { alsoAs, open, origin, pageOf } from './people.mjs';

const NEW_ADDRESS = 'neu@post.example';
const REASON = 'Neue Adresse am Telefon genannt';

/** The invoice that is open comes to stand so, without being asked for anew. */
async function stands(page, state) {
  const stand = (text) => document.querySelector('.standing .pill')?.textContent.includes(text);
  const comes = await page.waitForFunction(stand, state).catch(() => false);
  check(`the invoice comes to stand as ${state}`, comes, await page.textContent('main'));
}

/** Fills in what is asked of a dialog behind the button, and sends it. */
export async function asked(page, verb, reason) {
  const dialog = page.locator(`dialog:has(form[action$="/${verb}"])`);
  await page.click(`[popovertarget="${await dialog.getAttribute('id')}"]:not([popovertargetaction])`);
  await dialog.locator('[name=reason]').fill(reason);
  return dialog;
}

export const confirmed = (page, dialog) =>
  Promise.all([page.waitForNavigation(), dialog.locator('button[type=submit]').click()]);

/** `/` leads to the search, the arrows from row to row. */
export async function byKeyboard() {
  const page = pageOf('support');
  await open(page, '/');
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.getAttribute('href'));
  await page.keyboard.press('Tab');
  same('the first thing skips the navigation', await focused(), '#main');
  await page.keyboard.press('/');
  same('a key leads to the search', await focused(), 'find');
  await page.keyboard.type('/');
  same('where it is typed, it is a letter', await page.inputValue('#find'), '/');
  const links = page.locator('.rows .main a');
  const paths = await links.evaluateAll((all) => all.map((one) => one.getAttribute('href')));
  check('the work list has several entries', paths.length >= 5, paths);
  await links.first().focus();
  await page.keyboard.press('ArrowDown');
  same('down', await focused(), paths[1]);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowUp');
  same('and up again', await focused(), paths[1]);
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
  same('and into it', new URL(page.url()).pathname, '/invoices');
  await page.click('button.who');
  await inspectWork(page, 'menu of the person');
  await page.keyboard.press('Escape');
  check('Escape closes it', !(await page.isVisible('#me')));
}

/** Of every kind there is one, each with what to do. */
export async function theWorkListIsFull() {
  const page = pageOf('support');
  await open(page, '/');
  await inspectWork(page, 'work list');
  const kinds = ['rejected', 'expired', 'duplicate', 'uncertain', 'no_verification_method'];
  for (const kind of kinds) {
    await open(page, `/?kind=${kind}`);
    same(`${kind}: entries`, await page.locator('.rows tbody tr').count(), 1);
    await followed(page, '.rows .main a');
    check(`${kind}: it says what to do`, (await page.textContent('.todo')).length > 20, await page.textContent('main'));
    await inspectWork(page, `invoice ${kind}`);
  }
}

/** The rows of the list, and where on the screen each is. */
const placesOf = (page) =>
  page.locator('.rows tbody tr').evaluateAll((rows) =>
    JSON.stringify(rows.map((row) => [row.querySelector('.main a').textContent, row.getBoundingClientRect().top])));

/** What comes while the list is open is announced; nothing moves until somebody asks for it. */
export async function theWorkListAnnouncesWhatIsNew() {
  const [page, operations] = [pageOf('support'), pageOf('operations')];
  await open(page, '/');
  const before = await placesOf(page);
  same('nothing is announced', await page.locator('.news a').count(), 0);
  same('what will be is read aloud', await page.getAttribute('.news', 'aria-live'), 'polite');

  await open(operations, '/invoices?tenant=tulp&number=TT-7007');
  await followed(operations, 'a[href^="/resend"]');
  await operations.fill('#reason', 'Der Kunde nennt dieselbe Adresse');
  await followed(operations, '.send button[type=submit]');
  await stands(operations, 'Abgelehnt');
  // The page asks every 15 s.
  await page.locator('.news a').waitFor();
  same('how many came is announced', (await page.textContent('.news')).trim(), '1 neuer Eintrag');
  same('nothing has moved', await placesOf(page), before);
  await inspectWork(page, 'work list with news');

  await followed(page, '.news a');
  same('a click shows it, behind what waits longer', await page.locator('.rows .main a').last().textContent(), 'TT-7007');
  same('and it is news no more', await page.locator('.news a').count(), 0);
}

/** An invoice by its number alone, why it has no attachment, a resend to a corrected address, and how it goes out. */
export async function anInvoiceIsSentToACorrectedAddress() {
  const [page, operations] = [pageOf('support'), pageOf('operations')];
  const { portal_link: earlier } = await mailOf('NE-1042');
  await open(operations, '/tenants/nordlicht');
  const pause = await asked(operations, 'pause', 'Das Relay wird gewartet');
  await inspectWork(operations, 'tenant to be paused');
  await confirmed(operations, pause);
  await inspectWork(operations, 'tenant paused');

  await open(page, '/');
  await page.keyboard.press('/');
  await page.keyboard.type('ne- 1042');
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
  await inspectWork(page, 'search results');
  await followed(page, '.rows .main a');
  check('the invoice is open', (await page.textContent('h1')).includes('NE-1042'));
  check('it says why nothing is attached', (await page.textContent('.timeline .decision')).includes('Privatkunde'));
  await followed(page, 'a[href^="/resend"]');
  await inspectWork(page, 'resend plan');
  await page.fill('#to', NEW_ADDRESS);
  await page.locator('#to').press('Tab');
  await page.waitForFunction((address) => document.querySelector('#plan').textContent.includes(address), NEW_ADDRESS);
  const plan = await page.textContent('#plan');
  check('an unknown address is warned of', plan.includes('weder im Ereignis noch in den Stammdaten'), plan);
  check('that the tenant is paused, too', plan.includes('angehalten'), plan);
  await inspectWork(page, 'resend to another address');
  await page.fill('#reason', REASON);
  for (const box of await page.locator('.must input').all()) await box.check();
  await followed(page, '.send button[type=submit]');

  await stands(page, 'Wartet');
  check('the page follows it', await page.isVisible('.follow'), await page.textContent('main'));
  await inspectWork(page, 'invoice waiting');
  await followed(operations, 'form[action$="/resume"] button');
  await stands(page, 'Gesendet');
  const mail = await mailTo(NEW_ADDRESS);
  check('it arrives with a link alone', mail.portal_link && mail.attachments.length === 0, mail);
  const timeline = await page.textContent('.timeline');
  check('the timeline says on whose word', timeline.includes(REASON) && timeline.includes('support@'), timeline);
  const old = await page.request.get(earlier, { maxRedirects: 0 });
  check('the earlier link is revoked', old.status() >= 400, old.status());
  await inspectWork(page, 'invoice resent');

  await followed(page, 'a[href$="/mail"]');
  check('the mail is proven', await page.isVisible('.proof:not(.differs)'), await page.textContent('main'));
  const token = mail.portal_link.split('/i/')[1];
  check('without the token', !(await page.content()).includes(token));
  const text = await page.textContent('pre');
  check('its text is as it was written', text.includes('NE-1042') && !text.includes('\ufffd'), text);
  const html = await page.frameLocator('iframe.mail').locator('body').textContent();
  check('as its recipient sees it', html.includes('NE-1042'), html);
  await inspectWork(page, 'mail as sent');
}

/** A rejected invoice is acknowledged, an uncertain one decided: both leave the list. */
export async function theWorkListEmpties() {
  const page = pageOf('support');
  await open(page, '/?kind=rejected');
  await followed(page, '.rows form[action$="/acknowledge"] button');
  check('it says so', await page.isVisible('.done'), await page.textContent('main'));
  same('it is not on the list any more', await page.locator('.rows tbody tr').count(), 0);
  await inspectWork(page, 'work list with nothing of a kind');
  await open(page, '/?acknowledged=1');
  check('who acknowledged it is kept', (await page.textContent('.rows')).includes('support@nordlicht.example'));
  await inspectWork(page, 'work list acknowledged');

  await open(page, '/?kind=uncertain');
  await followed(page, '.rows .main a');
  const dialog = await asked(page, 'mark-sent', 'Der Kunde hat sie bekommen');
  await inspectWork(page, 'uncertain to be decided');
  await confirmed(page, dialog);
  await stands(page, 'Gesendet');
  await open(page, '/?kind=uncertain');
  same('nothing is uncertain', await page.locator('.rows tbody tr').count(), 0);
}

/** The same without scripts: each step is a page. */
export async function supportWithoutScripts(browser) {
  const who = await alsoAs(browser, 'support', { ...DESKTOP, javaScriptEnabled: false });
  const { page } = who;
  await open(page, '/');
  await page.fill('#find', 'ML-301');
  await Promise.all([page.waitForNavigation(), page.press('#find', 'Enter')]);
  await followed(page, '.rows .main a');
  await followed(page, 'a[href^="/resend"]');
  await page.fill('#to', 'gerance@cafe-ete.example');
  await followed(page, 'form[method=get] .buttons button');
  check('the plan is that of the address', (await page.textContent('#plan')).includes('gerance@cafe-ete.example'));
  await inspect(page, 'resend plan without scripts');
  await page.fill('#reason', 'Par téléphone');
  for (const box of await page.locator('.must input').all()) await box.check();
  await followed(page, '.send button[type=submit]');
  check('it is on its way', await page.isVisible('.done'), await page.textContent('main'));
  const mail = await mailTo('gerance@cafe-ete.example');
  check('it arrives', mail.subject.includes('ML-301'), mail.subject);
  await open(page, '/');
  await page.selectOption('#tenant', 'nordlicht');
  await followed(page, '.choose button');
  check('the list is that of the tenant', page.url().includes('tenant=nordlicht'), page.url());
  await inspect(page, 'work list without scripts');
  await closed(who, 'support without scripts');
}

/** On a phone: the navigation opens over the page, and a row is a card. */
export async function supportOnAPhone(browser) {
  const who = await alsoAs(browser, 'support', PHONE);
  const { page } = who;
  await open(page, '/');
  await page.click('[popovertarget=nav]');
  check('the navigation opens', await page.isVisible('#nav'));
  await inspect(page, 'navigation on a phone');
  await followed(page, '#nav a[href="/tenants"]');
  await followed(page, '.rows .main a[href$="/nordlicht"]');
  await inspect(page, 'tenant on a phone');
  same('it leads to the invoices', await page.locator('.rows .main a[href^="/invoices"]').count() > 0, true);
  await closed(who, 'support on a phone');
}

/** What leaves as a file, masked as the page is. */
export async function aListLeavesAsAFile() {
  const page = pageOf('support');
  await open(page, '/search?q=NE-');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('a[download]')]);
  same('a list leaves as a file', download.suggestedFilename(), 'search.csv');
  const viewer = await pageOf('viewer').request.get(`${origin}/search.csv?q=NE-`);
  same('not for a viewer', viewer.status(), 403);
}
