/** What of the page is old: told by the hub of the facility, and by the page of a hub that does not answer. */

import type { Model } from './model';
import { duration } from './spans';

export class Notices {
  constructor(
    private readonly form: HTMLElement,
    private readonly model: Model
  ) {}

  draw(): void {
    const silent = this.model.silence;
    const hub = silent
      ? [`The hub has not answered for ${duration(silent)}. What stands here is as old; the page goes on asking.`]
      : [];
    const sentences = [...hub, ...(this.model.live?.notices ?? [])];
    if (!this.model.live && !silent) {
      return; // what the server drew still stands
    }
    let box = this.form.querySelector<HTMLElement>(':scope > .bs-notice');
    if (!sentences.length) {
      box?.remove();
      return;
    }
    if (!box) {
      box = document.createElement('div');
      box.className = 'bs-notice';
      this.form.prepend(box);
    }
    // a status that is drawn anew each minute would be read aloud each minute
    box.removeAttribute('role');
    if (box.dataset['told'] !== sentences.join('\n')) {
      box.dataset['told'] = sentences.join('\n');
      box.replaceChildren(...sentences.map(paragraph));
    }
  }
}

function paragraph(words: string): HTMLParagraphElement {
  const element = document.createElement('p');
  element.textContent = words;
  return element;
}
