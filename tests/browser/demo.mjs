// The demo under test: what it has published and sent, and its faults, which the scenarios bring about.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** The address of its mail catcher, its folder, the events that were published, one a line, and the dispatcher itself. */
const [, , catcher, folder, eventsFile, binary] = process.argv;

const events = readFileSync(eventsFile, 'utf8').split('\n').flatMap((line) => {
  try { return [JSON.parse(line)]; } catch { return []; } // One event of the demo is broken on purpose.
});

async function fromCatcher(what) {
  return (await fetch(`${catcher}/${what}.json`)).json();
}

/** The newest mail of which this is true, as soon as there is one. */
async function mailWhich(what, isIt) {
  for (let tries = 0; tries < 600; tries += 1) {
    const mail = (await fromCatcher('mails')).find(isIt);
    if (mail) return mail;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  throw new Error(`no mail ${what}`);
}

/** A mail with a link to this invoice; not the one with the link `other`. */
export const mailOf = (number, other) =>
  mailWhich(`with a link for ${number}`, (one) =>
    one.portal_link && one.portal_link !== other && one.subject.includes(number));

/** A mail to this address. */
export const mailTo = (address) => mailWhich(`to ${address}`, (one) => one.envelope.recipients.includes(address));

/** The newest text message. */
export async function newestText() {
  const [text] = await fromCatcher('texts');
  return text;
}

export function documentsOf(number) {
  const event = events.find((one) => one.data?.invoice?.number === number);
  if (!event) throw new Error(`no event of ${number}`);
  return event.data.documents;
}

/** The file of a document. */
export const fileOf = (document) => `${folder}/documents/${document.object}`;

const database = `${folder}/dispatcher.db`;
const environment = () => {
  const key = `${folder}/secret.key`;
  return { ...(existsSync(key) && { SECRET_KEYS: readFileSync(key, 'utf8').trim() }), PATH: process.env.PATH };
};

/** Runs a command of the dispatcher on the demo's database, beside it. */
export function dispatcher(line, input = '') {
  const env = { ...environment(), DATABASE_URL: `sqlite://${database}` };
  return execFileSync(binary, line.split(' '), { cwd: folder, env, input, encoding: 'utf8', stdio: 'pipe' });
}

const PYTHON = 'import sqlite3, sys; d = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)';

/** Runs a statement on it. */
export function execute(statement) {
  execFileSync('python3', ['-c', `${PYTHON}; d.execute(sys.argv[2])`, database, statement]);
}

/** Keeps everybody else from writing to it, until the function that this returns is called. */
export async function holdDatabase() {
  const script = `${PYTHON}; d.execute("BEGIN IMMEDIATE"); print("held", flush=True); sys.stdin.read()`;
  const holder = spawn('python3', ['-c', script, database], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  return async () => {
    holder.stdin.end();
    await once(holder, 'exit');
  };
}

/** A portal of its own whose database is not there; and what ends it. */
export async function portalWithoutDatabase() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const listen = `127.0.0.1:${probe.address().port}`;
  probe.close();
  const env = {
    ...environment(), DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', PORTAL_LISTEN: listen,
    PORTAL_URL: `http://${listen}`, METRICS_LISTEN: '127.0.0.1:0', LOG_FILTER: 'off',
  };
  const portal = spawn(binary, ['run', '--role', 'portal'], { cwd: folder, env, stdio: 'ignore' });
  for (let tries = 0; tries < 600; tries += 1) {
    if (await fetch(`http://${listen}/`).catch(() => undefined)) break;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  const end = async () => {
    portal.kill();
    await once(portal, 'exit');
  };
  return [`http://${listen}`, end];
}
