// The console in a real browser: people sign in, support resends an invoice, the administrator changes the settings.
//
// usage: node console.mjs CATCHER FOLDER EVENTS BINARY INVITATION
//   CATCHER     the address of the demo's mail catcher
//   FOLDER      the demo's folder
//   EVENTS      a file with the events that were published, one a line
//   BINARY      the dispatcher
//   INVITATION  the one-time link that the demo prints
//
// PICTURES names a folder for pictures of each page that is met.

import { closed, inspect, inspectWidths, inspectWork, run, same } from './browser.mjs';
import { aForeignFormDoesNothing, aForeignTenantIsNotThere, aViewerIsRefused } from './forgers.mjs';
import {
  aViewerIsLockedOut, administratorComesIn, everybody, everybodySignsIn, open, othersComeIn, pageOf,
  supportSignsInElsewhere,
} from './people.mjs';
import {
  administratorSecures, anEarlierVersionIsRestored, settingsAreWeighed, settingsWithoutScripts,
} from './secured.mjs';
import {
  aListLeavesAsAFile, anInvoiceIsSentToACorrectedAddress, byKeyboard, supportOnAPhone, supportWithoutScripts,
  theWorkListAnnouncesWhatIsNew, theWorkListEmpties, theWorkListIsFull,
} from './support.mjs';

const PAGES = {
  search: '/search',
  tenants: '/tenants',
  tenant: '/tenants/nordlicht',
  customer: '/customers/nordlicht/K-1002',
  'customer without a method': '/customers/nordlicht/K-1005',
  operators: '/operators',
  tokens: '/tokens',
  'audit log': '/audit',
  'settings of whom': '/settings/portal',
  account: '/account',
  'invoice of an unknown tenant': '/search?q=NE-1047',
};

/** Every page that an administrator can open, and those that say why there is none. */
async function everyPage() {
  const page = pageOf('admin');
  for (const [name, path] of Object.entries(PAGES)) {
    same(`${name} opens`, (await open(page, path)).status(), 200);
    await inspectWork(page, name);
  }
  await open(page, '/operators');
  await page.locator('.operators [popovertarget]').first().click();
  await inspectWork(page, 'person to be changed');
  same('an unknown page', (await open(page, '/nothing/here')).status(), 404);
  await inspect(page, 'console not found');
  same('what a role may not read', (await open(pageOf('support'), '/audit')).status(), 403);
  await inspect(pageOf('support'), 'console forbidden');
}

/** In each language every page fits, from 400 % to a large screen. */
async function everyLanguage() {
  const page = pageOf('admin');
  const more = { 'work list': '/', invoice: '/invoices?tenant=tulp&number=TT-7003', settings: '/settings/portal?tenant=tulp' };
  for (const language of ['en', 'nl', 'fr', 'de']) {
    await open(page, '/account');
    await page.click('button.who');
    await Promise.all([page.waitForNavigation(), page.click(`#me button[value=${language}]`)]);
    same('the language is kept', await page.getAttribute('html', 'lang'), language);
    for (const [name, path] of Object.entries({ ...more, ...PAGES })) {
      await open(page, path);
      await inspectWidths(page, `${name} (${language})`);
    }
  }
}

async function allGo() {
  for (const [role, who] of everybody()) await closed(who, role);
}

await run([
  administratorComesIn,
  othersComeIn,
  everybodySignsIn,
  everyPage,
  byKeyboard,
  theWorkListIsFull,
  theWorkListAnnouncesWhatIsNew,
  anInvoiceIsSentToACorrectedAddress,
  aViewerIsRefused,
  aForeignTenantIsNotThere,
  aForeignFormDoesNothing,
  theWorkListEmpties,
  aListLeavesAsAFile,
  administratorSecures,
  settingsAreWeighed,
  anEarlierVersionIsRestored,
  supportWithoutScripts,
  settingsWithoutScripts,
  supportOnAPhone,
  everyLanguage,
  supportSignsInElsewhere,
  aViewerIsLockedOut,
  allGo,
]);
