/* An open page brings itself up to date when the server says that something changed.

   The parts that change carry data-part and an id. They are fetched with the page that they are part of and worked into
   what is shown (htmx's morph), so that focus, scroll position and opened details stay. Where somebody has begun an answer
   nothing is touched: the page says that something changed, with a link, and whoever writes decides. */
"use strict";
(() => {
  const news = document.querySelector(".news");
  if (!news) return;
  const parts = () => [...document.querySelectorAll("[data-part]")];

  const begun = (field) => {
    if (field.type === "hidden") return false;
    if (field.type === "checkbox") return field.checked !== field.defaultChecked;
    if (field.tagName !== "SELECT") return field.value !== field.defaultValue;
    return field.selectedIndex !== Math.max(0, [...field.options].findIndex((one) => one.defaultSelected));
  };
  const isBusy = () =>
    parts().some(
      (part) =>
        part.querySelector("form :is(input, select, textarea, button):focus") ||
        [...part.querySelectorAll("input, select, textarea")].some(begun),
    );

  let asking = false;
  let again = false;
  let arrived = false;

  const offer = () => {
    const link = document.createElement("a");
    link.href = news.dataset.here;
    link.textContent = "Something changed here. Show it as it is now.";
    if (!news.querySelector("a")) news.replaceChildren(link);
  };

  const fetchParts = async () => {
    const [first, ...others] = parts();
    const within = parts().some((part) => part.contains(document.activeElement));
    arrived = false;
    await htmx.ajax("GET", news.dataset.here, {
      source: first,
      target: first,
      select: `#${first.id}`,
      selectOOB: others.map((one) => `#${one.id}:outerMorph`).join(","),
      swap: "outerMorph",
    });
    if (!arrived) return offer();
    if (within && document.activeElement === document.body) document.getElementById("content").focus({ preventScroll: true });
    const now = parts().map((part) => part.dataset.part).find(Boolean);
    const time = new Date().toISOString().slice(11, 19);
    news.textContent = `Brought up to date at ${time}${now ? `: ${now}` : ""}.`;
  };

  /* Another page than the one that was asked for (a sign-in, an error) is not worked in, nor anything once somebody
     has begun to write while the answer was on its way. */
  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx } = event.detail;
    if (!("part" in ctx.sourceElement.dataset)) return;
    arrived = ctx.response.status === 200 && !ctx.response.raw.redirected && !isBusy();
    if (!arrived) event.preventDefault();
  });

  news.addEventListener("changed", async () => {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    do {
      again = false;
      if (isBusy()) offer();
      else await fetchParts().catch(offer);
    } while (again);
    asking = false;
  });
})();
