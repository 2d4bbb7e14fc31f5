"use strict";
// Times in the reader's own time zone; without scripts they stay in UTC.
const localise = (root) => {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
    time.textContent = "long" in time.dataset
      ? moment.toLocaleString([], { dateStyle: "full", timeStyle: "medium" })
      : moment.toLocaleTimeString([], clock);
    time.title = moment.toLocaleString();
  }
};
localise(document);

// The list refreshes by itself: asked cheaply by ETag, rendered by the server only.
const live = document.getElementById("live");
if (live) {
  const words = document.getElementById("live-text");
  const say = (text) => { if (words.textContent !== text) words.textContent = text; };
  const list = live.dataset.list ?? "/mails.json", noun = live.dataset.noun ?? "email";
  let tag = null;

  const refresh = async () => {
    const page = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
    const now = document.getElementById("mails"), fresh = page.getElementById("mails");
    if (!fresh) return;
    const known = new Set([...now.querySelectorAll("a.row")].map((row) => row.href));
    const focused = document.activeElement?.closest?.("a.row")?.getAttribute("href");
    localise(fresh);
    now.replaceWith(document.adoptNode(fresh));
    let arrived = 0;
    for (const row of fresh.querySelectorAll("a.row")) {
      if (!known.has(row.href)) { arrived += 1; row.parentElement.classList.add("new"); }
      if (focused && row.getAttribute("href") === focused) row.focus({ preventScroll: true });
    }
    document.title = page.title;
    if (arrived) say(arrived === 1 ? `1 new ${noun}` : `${arrived} new ${noun}s`);
  };

  const poll = async () => {
    try {
      const answer = await fetch(list, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
      live.classList.remove("lost");
      if (answer.status === 200) {
        const known = tag;
        tag = answer.headers.get("ETag");
        const count = (await answer.json()).length;
        if (known !== null || count !== Number(document.getElementById("mails").dataset.count)) await refresh();
      } else if (answer.status === 304) {
        say("Refreshes by itself");
      }
    } catch {
      live.classList.add("lost");
      say("The catcher has ended; emails stay in its folder");
    }
    setTimeout(poll, document.hidden ? 5000 : 1500);
  };
  poll();
}
