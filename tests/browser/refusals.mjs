// The pages that refuse something, each as the portal itself comes to show it.

import { renameSync } from 'node:fs';
import { DESKTOP, PHONE, check, closed, inspect, same, visitor } from './browser.mjs';
import { dispatcher, documentsOf, execute, fileOf, holdDatabase, mailOf, portalWithoutDatabase } from './demo.mjs';

/** Fills in and sends the form of a verification by postcode. */
export async function enter(page, written, number) {
  await page.fill('#postcode', written);
  await page.fill('#house_number', number);
  await page.click('main button[type=submit]');
}

/** Opens the link of an invoice; returns the address of its page, also where a verification comes first. */
async function opened(page, number) {
  await page.goto((await mailOf(number)).portal_link);
  await page.click('main button[type=submit]');
  return page.url().replace(/(\/verification)?(\?.*)?$/, '');
}

/** Sends a form of the page that it does not show yet. */
const submit = (page, form) => Promise.all([page.waitForNavigation(), page.$eval(form, (one) => one.submit())]);

/** Five wrong answers, after a form that was changed on its way. */
async function wrongAnswersLock(browser) {
  const who = await visitor(browser, PHONE);
  const { page } = who;
  const invoice = await opened(page, 'NE-1043');
  await page.click('a.button[href$="/verification"]');
  await page.$eval('main [name=csrf]', (field) => { field.value = 'of another session'; });
  await enter(page, '09111', '9');
  await inspect(page, 'form outdated');
  await page.goto(`${invoice}/verification`);
  for (let wrong = 1; wrong <= 5; wrong += 1) await enter(page, '09111', `${500 + wrong}`);
  const locked = await page.goto(`${invoice}/verification`);
  same('after five wrong answers it waits', locked.status(), 429);
  check('it says whom to ask', await page.isVisible('main .contact'), await page.textContent('main'));
  await inspect(page, 'locked');
  await closed(who, 'a visitor who guesses');
}

/** More messages than one number gets. */
async function textMessagesAreLimited(browser) {
  const who = await visitor(browser, PHONE);
  const { page } = who;
  await opened(page, 'NE-1042');
  await page.click('a.button[href$="/verification"]');
  // It has got a message before: whether its minute is over depends on the machine.
  await page.click('main form button[type=submit]');
  if (!(await page.isVisible('[role=alert]'))) await submit(page, '.help form');
  check('a second message within a minute waits', await page.isVisible('[role=alert]'), await page.textContent('main'));
  await inspect(page, 'code limit');
  await closed(who, 'a visitor who asks for many messages');
}

/** A customer whose record has nothing to verify by, and then a tenant that closes its portal. */
async function nothingCanBeShown(browser) {
  const who = await visitor(browser, DESKTOP);
  const { page } = who;
  const invoice = await opened(page, 'NE-1044');
  const customer = {
    tenant_id: 'nordlicht', id: 'K-1006', type: 'private', name: 'Household Torstraße',
    address: 'household.torstrasse@post.example', locale: 'en-IE',
  };
  dispatcher('import -', `${JSON.stringify({ customer })}\n`);
  const none = await page.goto(`${invoice}/verification`);
  same('without a record nobody is verified', none.status(), 403);
  check('no field is shown', !(await page.isVisible('main input[type=text]')), await page.textContent('main'));
  await inspect(page, 'no method');

  dispatcher('settings set --tenant nordlicht --level inaccessible');
  await page.goto(invoice);
  check('a closed portal shows the invoice', (await page.textContent('h1')).includes('NE-1044'));
  check('and no way to its documents', !(await page.isVisible('main a.button')), await page.textContent('main'));
  await inspect(page, 'invoice closed');
  const document = await page.goto(`${invoice}/documents/1`);
  same('its documents are closed', document.status(), 403);
  await inspect(page, 'documents closed');
  dispatcher('settings set --tenant nordlicht --level sensitive_for_private');
  await closed(who, 'a visitor of a closed portal');
}

/** A link whose time is over, and the fresh one that comes by mail. */
async function anExpiredLink(browser) {
  const who = await visitor(browser, PHONE);
  const { page } = who;
  const { portal_link: link } = await mailOf('NE-1043');
  execute("UPDATE portal_link SET expires_at = 1 WHERE root_id IN (SELECT id FROM delivery WHERE invoice_number = 'NE-1043')");
  same('its time is over', (await page.goto(link)).status(), 410);
  await inspect(page, 'link expired');
  await page.click('main button[type=submit]');
  await inspect(page, 'fresh link asked with a link');
  const fresh = await mailOf('NE-1043', link);
  await page.goto(fresh.portal_link);
  await page.click('main button[type=submit]');
  check('the fresh link opens the invoice', (await page.textContent('h1')).includes('NE-1043'));
  await closed(who, 'a visitor with an old link');
}

/** A document that the store has no more, a fault of ours, and a database that does not answer. */
async function whatFailsIsTold(browser) {
  const who = await visitor(browser, DESKTOP);
  const { page } = who;
  const invoice = await opened(page, 'TT-7005');
  await enter(page, '3011XB', '60');
  const file = fileOf(documentsOf('TT-7005')[0]);
  renameSync(file, `${file}.away`);
  same('a document that is away', (await page.goto(`${invoice}/documents/1`)).status(), 503);
  check('the page says whom to ask', await page.isVisible('main .contact'), await page.textContent('main'));
  await inspect(page, 'document unavailable');
  renameSync(`${file}.away`, file);
  same('it is back', (await page.request.get(`${invoice}/documents/1`)).status(), 200);

  // The demo was told to fail when a list is asked for the second time.
  same('a fault of ours', (await page.goto(invoice.replace(/\/[^/]*$/, ''))).status(), 500);
  await inspect(page, 'failed');

  await page.goto((await mailOf('TT-7005')).portal_link);
  const release = await holdDatabase();
  const [later] = await Promise.all([page.waitForNavigation(), page.click('main button[type=submit]')]);
  same('a database that does not answer', later.status(), 503);
  await inspect(page, 'later');
  await release();
  same('it goes on', await opened(page, 'TT-7005'), invoice);

  const [starting, end] = await portalWithoutDatabase();
  same('a portal that is starting', (await page.goto(`${starting}/i/${'A'.repeat(43)}`)).status(), 503);
  await inspect(page, 'starting');
  await end();
  await closed(who, 'a visitor on a bad day');
}

/** More requests for fresh links than one network may make: the last scenario, for all share the network. */
async function tooManyRequests(browser) {
  const who = await visitor(browser, PHONE);
  const { page } = who;
  const portal = new URL((await mailOf('NE-1042')).portal_link).origin;
  const ask = () => page.request.post(`${portal}/links`, { form: { token: 'x' }, headers: { origin: portal } });
  let status = 200;
  for (let asked = 0; asked < 40 && status === 200; asked += 1) status = (await ask()).status();
  same('requests of one network are limited', status, 429);
  await page.goto(`${portal}/i/${'A'.repeat(43)}`);
  await page.click('main button[type=submit]');
  await inspect(page, 'too many');
  await closed(who, 'a visitor among many');
}

export const refusals = [
  wrongAnswersLock, textMessagesAreLimited, nothingCanBeShown, anExpiredLink, whatFailsIsTold, tooManyRequests,
];
