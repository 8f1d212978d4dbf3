// What script adds to pages that are complete without it: times that tick, a Waterfall that keeps itself current, logs that follow.
"use strict";
const weir = () => {
  const $ = (s, in_ = document) => in_.querySelector(s);
  const all = (s, in_ = document) => in_.querySelectorAll(s);
  const skew = Number(document.body.dataset.now) - Date.now() / 1000;
  const now = () => Math.floor(Date.now() / 1000 + skew);

  // As the server writes them (render/words.rs).
  const pad = n => String(n).padStart(2, "0");
  const span = s => s <= 0 ? "<1s" : s < 60 ? s + "s" : s < 3600 ? `${Math.floor(s / 60)}m ${pad(s % 60)}s`
    : s < 86400 ? `${Math.floor(s / 3600)}h ${pad(Math.floor(s / 60) % 60)}m` : `${Math.floor(s / 86400)}d ${Math.floor(s / 3600) % 24}h`;
  const coarse = s => s < 60 ? Math.max(s, 0) + "s" : s < 3600 ? Math.floor(s / 60) + "m" : s < 172800 ? Math.floor(s / 3600) + "h" : Math.floor(s / 86400) + "d";
  const put = (e, text) => { if (e.textContent !== text) e.textContent = text; };
  let beat = 0;
  const tick = () => {
    if (document.hidden) return;
    const t = now();
    for (const e of all("[data-t]")) put(e, span(t - e.dataset.t));
    for (const e of all("[data-l]")) { const left = e.dataset.l - t; put(e, left > 0 ? span(left) + " left" : span(-left) + " over"); }
    for (const e of all("progress[data-b]")) e.value = Math.min(e.max, t - e.dataset.b);
    if (beat++ % 20 === 0) for (const e of all("[data-s][datetime]")) put(e, "for " + coarse(t - e.dataset.s));
  };
  setInterval(tick, 1000);

  // The reader's own time zone, where the pointer asks; and all of a text that is cut off.
  document.addEventListener("mouseover", ({target: e}) => {
    if (!e.closest) return;
    const time = e.closest("time[datetime]");
    if (time && !time.dataset.z) {
      time.dataset.z = 1;
      const d = new Date(time.dateTime);
      if (!isNaN(d)) time.title = (time.title ? time.title + "\n" : "") + d.toLocaleString();
    }
    const box = e.closest(".b li, .hd p");
    if (box && !box.title && (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight)) box.title = box.textContent.trim();
  });
  document.addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey || (e.key !== "Escape" && /INPUT|SELECT|TEXTAREA/.test(e.target.tagName))) return;
    if (e.key === "Escape") for (const d of all("details.pop[open]")) { if (d.contains(document.activeElement)) $("summary", d).focus(); d.open = false; }
    const rel = {"[": "prev", "]": "next"}[e.key];
    const link = rel && $(`a[rel=${rel}]`);
    if (link) link.click();
  });
  document.addEventListener("click", e => { for (const d of all("details.pop[open]")) if (!d.contains(e.target)) d.open = false; });

  const live = $("#live");
  const say = (state, text) => { if (live) { live.dataset.s = state; put(live, text); } };

  // Refused for a while, and for how many seconds.
  const isBusy = answer => answer.status === 429 || answer.status >= 500;
  const toldToWait = answer => Math.min(600, Number(answer.headers.get("retry-after")) || 5);

  // Pages that are fetched again when something happened, and changed only where they differ.
  const source = document.body.dataset.events;
  let stream = null, etag = null, busy = false, wanted = false, timer = 0, cost = 0, notBefore = 0, isGone = false, held = null;
  const drawn = new Map();
  const parts = in_ => all(".crumbs, section.c, .ax, #tally, #cats, #said, #under, #reach, #swap, #do", in_);
  const keyOf = e => e.id || e.className;
  for (const e of parts(document)) drawn.set(keyOf(e), e.outerHTML);

  // What somebody types into is not taken from under their hands: it changes once they have left it empty.
  const isInUse = e => e.contains(document.activeElement) || [...all("input", e)].some(i => i.value !== i.defaultValue);
  document.addEventListener("focusout", () => setTimeout(() => {
    const old = $("#do");
    if (!held || !old || isInUse(old)) return;
    drawn.set("do", held.outerHTML);
    old.replaceWith(held);
    held = null;
  }, 500));

  const swap = text => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const active = document.activeElement, focusOn = ["href", "formaction"].find(name => active?.getAttribute?.(name));
    const focus = focusOn && active.getAttribute(focusOn);
    const columns = d => [...all("section.c, .gn", d)].map(e => e.id || e.textContent).join();
    const wf = $("#wf"), other = $("#wf", fresh);
    const isOther = (wf || other) && columns(document) !== columns(fresh);
    if (isOther) {
      // The first column may come and the last may go.
      if (wf && other) wf.replaceWith(other); else if (wf) wf.remove(); else $("#reach").before(other);
      for (const e of all("section.c, .ax")) drawn.set(keyOf(e), e.outerHTML);
    }
    // Heights first: boxes count from the bottom, so what did not change stays where it is.
    const grown = !isOther && other && wf ? parseInt(other.style.getPropertyValue("--h")) - parseInt(wf.style.getPropertyValue("--h")) : 0;
    if (grown) wf.style.setProperty("--h", other.style.getPropertyValue("--h"));
    for (const e of parts(fresh)) {
      const key = keyOf(e), html = e.outerHTML;
      if (key === "do") held = null;
      if (drawn.get(key) === html) continue;
      const old = e.id ? document.getElementById(e.id) : $("." + e.className);
      if (key === "do" && old && isInUse(old)) { held = e; continue; }
      drawn.set(key, html);
      if (old) old.replaceWith(e);
    }
    // Who reads further down keeps their place.
    if (grown && scrollY > 260) scrollBy(0, grown);
    // A form that was not taken stays on the page, and in its title.
    if (!$("#wrong")) document.title = fresh.title;
    const name = $("h1", fresh);
    if ((wf || other) && name) put($("h1"), name.textContent);
    if (focus && document.activeElement === document.body) $(`[${focusOn}="${CSS.escape(focus)}"]`)?.focus({preventScroll: true});
    if (!fresh.body.dataset.events) { isGone = true; stream?.close(); say("", ""); }
    tick();
  };
  const refresh = async () => {
    if (busy || document.hidden) { wanted = true; return; }
    busy = true; wanted = false;
    const began = performance.now();
    try {
      const answer = await fetch(location.href, {headers: etag ? {"If-None-Match": etag} : {}, cache: "no-store"});
      if (answer.status === 200) { etag = answer.headers.get("etag"); swap(await answer.text()); }
      else if (isBusy(answer)) { const s = toldToWait(answer); wanted = true; pause(s); say("off", `↻ busy, trying again in ${span(s)}`); }
      else if (answer.status !== 304) { isGone = true; stream?.close(); say("off", "✕ this page cannot be fetched any more (" + answer.status + ")"); }
      if (answer.status < 400 && stream?.readyState === 1) say("on", "● live");
    } catch { wanted = true; pause(2); }
    // A page that is dear to fetch is fetched less often.
    cost = performance.now() - began;
    busy = false;
    if (wanted) later();
  };
  // Not all at the same moment, where many were told to come again, and nobody earlier than told.
  const pause = s => { notBefore = performance.now() + s * 1000 * (1 + Math.random() / 4); };
  const later = () => { clearTimeout(timer); timer = setTimeout(refresh, Math.max(notBefore - performance.now(), Math.min(10000, 150 + cost * 5))); };
  document.addEventListener("visibilitychange", () => { if (!document.hidden && wanted) refresh(); });

  if (source && window.EventSource) {
    document.querySelector("meta[http-equiv=refresh]")?.remove();
    say("", "connecting …");
    // A page that does not say up to which event it is true may have missed some.
    let wasLost = !source.includes("after=");
    let wait = 2000;
    const heard = () => later();
    const connect = () => {
      if (isGone) return;
      // Where the page was told to wait, so is its stream.
      const left = notBefore - performance.now();
      if (left > 0) { setTimeout(connect, left); return; }
      stream = new EventSource(source);
      stream.onopen = () => { wait = 2000; say("on", "● live"); if (wasLost) later(); wasLost = false; };
      stream.onerror = () => {
        wasLost = true;
        say("off", "↻ reconnecting …");
        // A refusal is final for the browser. It may be for a while only: the page itself tells when it is gone for good.
        if (stream.readyState === 2) { setTimeout(connect, wait * (1 + Math.random() / 4)); wait = Math.min(60000, wait * 2); later(); }
      };
      for (const name of ["request.added", "request.cancelled", "build.started", "build.changed", "build.finished", "step.started", "step.changed",
        "step.finished", "log.changed", "artifact.added", "builder.changed", "configuration.changed", "lost"]) stream.addEventListener(name, heard);
    };
    connect();
  }

  // Logs. A line that is not in this window is fetched by its number.
  const lines = $("#lines");
  if (lines) {
    const goTo = () => {
      const n = /^#L(\d+)$/.exec(location.hash)?.[1];
      if (n && !document.getElementById("L" + n)) location.replace(`${lines.dataset.here}?from=${Math.max(1, n - 20)}#L${n}`);
    };
    addEventListener("hashchange", goTo);
    if (!("follow" in lines.dataset)) goTo();
    else {
      say("on", "● following");
      let atEnd = !location.hash;
      addEventListener("wheel", e => { if (e.deltaY < 0) atEnd = false; }, {passive: true});
      addEventListener("scroll", () => { if (innerHeight + scrollY > document.documentElement.scrollHeight - 60) atEnd = true; }, {passive: true});
      addEventListener("keydown", e => { if (/^(ArrowUp|PageUp|Home)$/.test(e.key)) atEnd = false; });
      addEventListener("touchmove", () => { atEnd = false; }, {passive: true});
      const stay = () => { if (atEnd) scrollTo(0, document.documentElement.scrollHeight); };
      new MutationObserver(stay).observe(lines, {childList: true});
      stay();
      addEventListener("load", () => {
        // The server ends the page with a mark; without it the connection broke.
        if ($("#log-end")) { say("", "the log has ended"); return; }
        const last = lines.lastElementChild?.id?.slice(1);
        say("off", "↻ reconnecting …");
        const to = atEnd || !last ? lines.dataset.here : `${lines.dataset.here}?from=${last}#L${last}`;
        // Only once the server answers again: the lines that are here stay readable until then.
        const again = async wait => {
          let told = 0;
          try {
            const answer = await fetch(`${lines.dataset.here}?from=1`);
            answer.body?.cancel();
            if (!isBusy(answer)) return location.replace(to);
            told = toldToWait(answer);
            say("off", `↻ busy, trying again in ${span(told)}`);
          } catch { /* not yet */ }
          setTimeout(again, Math.max(wait, told * 1000 * (1 + Math.random() / 4)), Math.min(15000, wait * 2));
        };
        setTimeout(again, 1000, 2000);
      });
    }
  } else if (location.hash === "" && $(".tail")) { const t = $(".tail"); t.scrollTop = t.scrollHeight; }
};
// A log that is still written keeps its page open: there the script begins as soon as the first lines stand.
(function begin() {
  if (document.readyState !== "loading" || document.querySelector("#lines[data-follow]")) weir();
  else setTimeout(begin, 25);
})();
