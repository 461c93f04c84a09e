/** The panel at the side, for what is looked at closely. Esc closes it, as does a click beside it. */

import { byId, say } from "./element.js";

const panel = byId("panel");

byId("panel-close").addEventListener("click", () => panel.close());
panel.addEventListener("click", (click) => {
  if (click.target === panel) panel.close();
});

/** Show something under a title; `kind` names it for `shows`. */
export function open(title, kind, ...content) {
  say(byId("panel-title"), title);
  panel.dataset.kind = kind;
  byId("panel-body").replaceChildren(...content);
  if (!panel.open) panel.showModal();
}

/** Whether the panel shows this now. */
export const shows = (kind) => panel.open && panel.dataset.kind === kind;
