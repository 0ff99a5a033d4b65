// The only script of the console. Every page works without it; it adds the
// reader's time zone, and regions that follow what the server tells.
"use strict";

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

// localTimes shows times in the reader's own zone; pointing at one shows UTC.
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime()) || time.dataset.local) continue;
    time.title = time.textContent;
    time.textContent = clock.format(at);
    time.dataset.local = "1";
  }
  return root;
}

// follow brings a region up to date whenever the server sends it anew. The browser
// itself connects again after a failure.
function follow(region, shown) {
  const events = new EventSource(region.dataset.live);
  events.addEventListener("region", (event) => {
    const sent = document.createElement("template");
    sent.innerHTML = event.data;
    const parts = [...sent.content.children];
    const focused = region.contains(document.activeElement) ? document.activeElement.id : "";
    update(region, shown, parts);
    shown = parts;
    if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus();
  });
  events.addEventListener("end", () => events.close());
  window.addEventListener("pagehide", () => events.close());
}

// update makes a region show its parts. A part that was shown before stays as it is:
// a button under the reader's finger, the focus, and what a screen reader has read out.
function update(region, shown, parts) {
  let next = region.firstElementChild, at = 0; // what the region shows next, and its place in shown
  const drop = () => {
    const dropped = next;
    next = next.nextElementSibling;
    dropped.remove();
    at++;
  };
  for (const part of parts) {
    const kept = shown.findIndex((old, i) => i >= at && old.isEqualNode(part));
    if (kept < 0) {
      region.insertBefore(localTimes(part.cloneNode(true)), next);
      continue;
    }
    while (at < kept) drop();
    next = next.nextElementSibling;
    at++;
  }
  while (next) drop();
}

// A token behind the # of the address, as the demo prints it, is put into the field,
// and out of the address.
function tokenFromAddress(field) {
  if (!field || !location.hash.startsWith("#adv_")) return;
  field.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search);
}

for (const region of document.querySelectorAll("[data-live]")) follow(region, [...region.cloneNode(true).children]);
localTimes(document);
tokenFromAddress(document.getElementById("token"));
