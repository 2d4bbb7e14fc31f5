// The administrator's settings: what follows from them is shown before, and holds for the next mail and the open page.

import { check, closed, followed, inspect, inspectWork, DESKTOP, PHONE, same, visitor } from './browser.mjs';
import { mailOf, mailTo } from './demo.mjs';
import { alsoAs, open, pageOf } from './people.mjs';

const SETTINGS = '/settings/portal?tenant=nordlicht';

/** Chooses, and waits until the consequences of that are shown. */
async function chosen(page, field, value) {
  const choice = page.locator(`.choices [name=${field}]`);
  if (await choice.first().evaluate((one) => one.type === 'radio')) {
    await page.check(`.choices [name=${field}][value=${value}]`);
  } else {
    await choice.selectOption(value);
  }
  const shows = ([name, is]) => document.querySelector(`#foreseen [name=${name}]`).value === is;
  await page.waitForFunction(shows, [field, value]);
}

/** Verification before every page: the open portal page and the next mail follow. */
export async function administratorSecures(browser) {
  const customer = await visitor(browser, PHONE);
  const { portal_link: link } = await mailOf('NE-1043');
  await customer.page.goto(link);
  await followed(customer.page, 'main button[type=submit]');
  const shown = async () => (await customer.page.textContent('main')).includes('NE-1043');
  check('before, the invoice is shown', await shown());

  const page = pageOf('admin');
  await open(page, SETTINGS);
  await inspectWork(page, 'settings of a tenant');
  check('why settings were changed is kept', (await page.textContent('.versions')).includes('Trial for a month'));
  await chosen(page, 'level', 'every_page');
  const foreseen = await page.textContent('#foreseen');
  check('what follows is shown before it is saved', foreseen.includes('Prüfung vor jeder Seite'), foreseen);
  await inspectWork(page, 'settings before saving');
  check('nothing holds yet', await shown());
  await page.fill('#reason', 'Datenschutz');
  await followed(page, '.send button[type=submit]:not([formaction])');
  check('it says that it is saved', await page.isVisible('.done'), await page.textContent('main'));
  check('who chose it, and why', (await page.textContent('.versions')).includes('Datenschutz'));

  await customer.page.reload();
  check('the open page follows at once', !(await shown()), await customer.page.textContent('main'));

  await open(page, '/invoices?tenant=nordlicht&number=NE-1043');
  await followed(page, 'a[href^="/resend"]');
  await page.fill('#reason', 'Neue Einstellungen');
  for (const box of await page.locator('.must input').all()) await box.check();
  await followed(page, '.send button[type=submit]');
  const next = await mailOf('NE-1043', link);
  await page.waitForFunction(() => document.querySelector('.standing .pill').textContent.includes('Gesendet'));
  const timeline = await page.textContent('.timeline');
  check('the next mail follows', timeline.includes('Jede Seite öffnet sich erst nach einer Prüfung'), timeline);
  await customer.page.goto(next.portal_link);
  await followed(customer.page, 'main button[type=submit]');
  check('so does its link', !(await shown()), await customer.page.textContent('main'));
  await closed(customer, 'a customer');
}

/** What would be unwise is said; what cannot be is refused; a test goes to oneself alone. */
export async function settingsAreWeighed() {
  const page = pageOf('admin');
  await open(page, SETTINGS);
  await chosen(page, 'attachments', 'exclude');
  await chosen(page, 'level', 'inaccessible');
  check('documents that nobody can reach are warned of', await page.isVisible('#foreseen .mind'));
  await inspectWork(page, 'settings with warnings');
  await chosen(page, 'secondary', '');
  await chosen(page, 'primary', '');
  await chosen(page, 'level', 'sensitive');
  const told = await page.textContent('#foreseen');
  check('a level without a method is refused', told.includes('Diese Stufe braucht eine primäre Methode'), told);
  await page.fill('#reason', 'Ohne Methode');
  await followed(page, '.send button[type=submit]:not([formaction])');
  check('and is not saved', await page.isVisible('[role=alert]'), await page.textContent('main'));
  await inspectWork(page, 'settings that cannot be saved');
  await open(page, SETTINGS);
  await followed(page, 'button[formaction="/settings/portal/test"]');
  check('a test is sent', await page.isVisible('.done'), await page.textContent('main'));
  const mail = await mailTo('admin@demo.example');
  same('to the person alone', mail.envelope.recipients.join(), 'admin@demo.example');
  await open(page, SETTINGS);
  for (const title of ['Die E-Mail', 'Die Seite im Portal']) {
    const frame = page.frameLocator(`#previews iframe[title="${title}"]`);
    await frame.locator('body').waitFor();
    check(`${title} as customers see it`, (await frame.locator('body').textContent()).includes('Nordlicht'));
  }
  await followed(page, '#previews figcaption a');
  await inspectWork(page, 'preview of the email');
}

/** One click back, after a reason. */
export async function anEarlierVersionIsRestored() {
  const page = pageOf('admin');
  await open(page, SETTINGS);
  await page.locator('.versions [popovertarget]:not([popovertargetaction])').first().click();
  const dialog = page.locator('.versions dialog:popover-open');
  await dialog.locator('[name=reason]').fill('Zu streng');
  await inspectWork(page, 'version to be restored');
  await Promise.all([page.waitForNavigation(), dialog.locator('button[type=submit]').click()]);
  check('it is saved as a new version', (await page.textContent('.versions')).includes('Zu streng'));
  check('what was before holds', await page.isChecked('input[name=level][value=sensitive_for_private]'));
  await open(page, '/audit');
  const log = await page.textContent('.audit');
  check('all of it stands in the audit log', ['Datenschutz', 'Zu streng'].every((reason) => log.includes(reason)), log);
}

/** Without scripts the consequences are asked for by a button. */
export async function settingsWithoutScripts(browser) {
  const who = await alsoAs(browser, 'admin', { ...DESKTOP, javaScriptEnabled: false });
  const { page } = who;
  await open(page, SETTINGS);
  await page.check('input[name=level][value=not_required]');
  await followed(page, '.choices .no-script button');
  check('the consequences are those of the choice', (await page.textContent('#foreseen')).includes('noch nicht gespeichert'));
  await inspect(page, 'settings without scripts');
  await page.fill('#reason', 'Ohne Skripte');
  await followed(page, '.send button[type=submit]:not([formaction])');
  check('they are saved', await page.isChecked('input[name=level][value=not_required]'), page.url());
  await closed(who, 'an administrator without scripts');
}
