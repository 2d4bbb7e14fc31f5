// What the operators' pages do beyond HTML. Each page works without it.
(() => {
  'use strict';
  document.documentElement.classList.add('scripted');

  // Times stand in UTC: shown in the reader's own zone, with the UTC as their title.
  const language = document.documentElement.lang;
  const short = { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' };
  const written = (date) => {
    const year = date.getFullYear() === new Date().getFullYear() ? undefined : 'numeric';
    return new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, { ...short, year }).format(date);
  };
  const localise = (root) => {
    for (const time of root.querySelectorAll('time[datetime]:not([data-local])')) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      time.textContent = written(date);
      time.dataset.local = '';
    }
  };
  localise(document);

  // `/` goes to the search; in a list the arrows go from row to row.
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest?.('input, select, textarea, [contenteditable]');
    if (event.key === '/' && !typing) {
      const find = document.getElementById('find');
      if (find) { event.preventDefault(); find.focus(); find.select(); }
    }
    const link = event.target.closest?.('.rows .main a');
    if (link && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      const links = [...document.querySelectorAll('.rows .main a')];
      const next = links[links.indexOf(link) + (event.key === 'ArrowDown' ? 1 : -1)];
      if (next) { event.preventDefault(); next.focus(); }
    }
  });

  // Buttons that copy, and say so to everybody.
  document.addEventListener('click', async (event) => {
    const button = event.target.closest?.('[data-copy]');
    if (!button) return;
    try { await navigator.clipboard.writeText(button.dataset.copy); } catch { return; }
    const label = button.querySelector('span') ?? button;
    const before = label.textContent;
    label.setAttribute('role', 'status');
    label.textContent = button.dataset.copied;
    setTimeout(() => { label.textContent = before; }, 2000);
  });

  document.addEventListener('change', (event) => {
    if (event.target.matches('select[data-submit]')) event.target.form.requestSubmit();
    // A plan that no longer is what was chosen cannot be sent: it is on its way.
    const chosen = event.target.closest('[data-plan]');
    if (chosen) stale(document.getElementById(chosen.dataset.plan), true);
  });
  const stale = (plan, is) => {
    const form = plan?.closest('form');
    if (!form) return;
    form.classList.toggle('stale', is);
    for (const button of form.querySelectorAll('.send button')) button.disabled = is;
  };

  // A form is sent once.
  document.addEventListener('submit', (event) => {
    if (event.target.method !== 'post') return;
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    event.target.dataset.sent = '1';
  });
  addEventListener('pageshow', () => {
    for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent;
  });

  // htmx asks again only while somebody looks, and does not fetch what it has. An open dialog is not taken away.
  const tags = new Map();
  document.addEventListener('htmx:config:request', (event) => {
    const { ctx } = event.detail;
    const polls = ctx.sourceEvent?.type === 'every';
    if (polls && (document.hidden || document.querySelector('dialog:popover-open'))) {
      event.preventDefault();
      return;
    }
    const tag = polls && tags.get(ctx.request.action);
    if (tag) ctx.request.headers['If-None-Match'] = tag;
  });
  document.addEventListener('htmx:before:response', (event) => {
    const { ctx } = event.detail;
    const { status, headers } = ctx.response;
    // What a page shows stays where it is when the server is away. Where the session has ended, it leads to the sign-in.
    if (ctx.hx?.redirect) return;
    if (status >= 400 || ctx.response.raw.redirected) { event.preventDefault(); return; }
    const tag = headers.get('ETag');
    if (tag) tags.set(ctx.request.action, tag);
  });
  document.addEventListener('htmx:after:swap', () => {
    localise(document);
    for (const plan of document.querySelectorAll('form.stale #plan, form.stale #foreseen')) stale(plan, false);
  });
})();
