/** The form's fields: what is chosen, and a refusal beside the field that it is about. */

import type { IRefusal } from './wire';

type Control = HTMLInputElement | HTMLSelectElement;

const TICKED = new Set(['radio', 'checkbox']);

export class Fields {
  constructor(private readonly form: HTMLElement) {}

  /** The text of every field; of a group of cards the chosen one's value, of a tick that is not set nothing. */
  texts(): [string, string][] {
    return this.controls()
      .filter(control => !(control instanceof HTMLInputElement && TICKED.has(control.type) && !control.checked))
      .map(control => [control.name, control.value]);
  }

  /** The text field of this name. */
  text(name: string): HTMLInputElement | null {
    return this.form.querySelector<HTMLInputElement>(`input[name="${name}"]:not([type="radio"])`);
  }

  /** Show these refusals and no other; each is said once, by the field's description. */
  refuse(refused: IRefusal[]): void {
    const reasons = new Map(refused.map(({ field, reason }) => [field, reason]));
    for (const name of new Set(this.controls().map(control => control.name))) {
      this.mark(name, reasons.get(name) ?? '');
    }
  }

  private mark(name: string, reason: string): void {
    const id = `bs-refused-${name}`;
    const controls = this.controls().filter(control => control.name === name);
    let words = this.form.querySelector<HTMLElement>(`#${id}`);
    if (!reason) {
      words?.remove();
      controls.forEach(control => unmark(control, id));
      return;
    }
    if (!words) {
      words = document.createElement('p');
      words.id = id;
      words.className = 'bs-refused';
      this.place(words, controls[0]);
    }
    if (words.textContent !== reason) {
      words.textContent = reason;
    }
    controls.forEach(control => {
      control.setAttribute('aria-invalid', 'true');
      describe(control, id, true);
    });
  }

  /** After a field, above a group of cards. */
  private place(words: HTMLElement, control: Control | undefined): void {
    const cards = control?.closest('.bs-cards');
    if (cards) {
      cards.before(words);
    } else {
      control?.closest('.bs-field')?.append(words);
    }
  }

  private controls(): Control[] {
    return [...this.form.querySelectorAll<Control>('input[name], select[name]')];
  }
}

function unmark(control: Control, id: string): void {
  control.removeAttribute('aria-invalid');
  describe(control, id, false);
}

/** Add or take away one of the ids that describe a control; others stay. */
function describe(control: Control, id: string, described: boolean): void {
  const others = (control.getAttribute('aria-describedby') ?? '').split(/\s+/).filter(other => other && other !== id);
  const ids = described ? [...others, id] : others;
  if (ids.length) {
    control.setAttribute('aria-describedby', ids.join(' '));
  } else {
    control.removeAttribute('aria-describedby');
  }
}
