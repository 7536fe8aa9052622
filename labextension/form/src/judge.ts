/** What the present choices come to, as the hub says: cost, times, what is submitted. Asked when one stops choosing. */

import { inOwnZone } from './cards';
import type { Hub } from './hub';
import type { IFact, IJudgement } from './wire';

/** Milliseconds without a further choice after which the hub is asked. */
const PAUSE = 500;

export class JudgePanel {
  constructor(
    form: HTMLElement,
    private readonly hub: Hub,
    private readonly choices: () => [string, string][],
    private readonly judged: (judgement: IJudgement) => void
  ) {
    const panel = form.querySelector<HTMLElement>('.bs-judge') ?? form.appendChild(emptyPanel());
    this.facts = panel.querySelector('dl') as HTMLElement;
    this.details = panel.querySelector('details') as HTMLElement;
    this.submission = panel.querySelector('pre') as HTMLElement;
    this.facts.before(this.message);
  }

  /** The choices changed: ask once they rest. */
  ask(): void {
    clearTimeout(this.timer);
    this.under.abort();
    this.timer = setTimeout(() => void this.send(), PAUSE);
  }

  /** The choices cannot be granted, so there is nothing to tell. */
  clear(words: string): void {
    clearTimeout(this.timer);
    this.under.abort();
    this.draw([], '');
    this.message.textContent = words;
  }

  private async send(): Promise<void> {
    const under = (this.under = new AbortController());
    try {
      const judgement = await this.hub.judge(Object.fromEntries(this.choices()), under.signal);
      this.judged(judgement);
      if (judgement.refusal) {
        this.clear('Change what is marked above; then cost and start are told here.');
      } else {
        this.draw(judgement.facts, judgement.submission);
      }
    } catch {
      if (!under.signal.aborted) {
        this.clear('The hub cannot say right now what these choices come to. Starting is possible all the same.');
      }
    }
  }

  private draw(facts: IFact[], submission: string): void {
    this.message.textContent = '';
    this.facts.replaceChildren(...facts.flatMap(row));
    this.facts.hidden = !facts.length; // a list without entries is read as a list
    this.submission.textContent = submission;
    this.details.hidden = !submission;
  }

  private readonly message = document.createElement('p');
  private readonly facts: HTMLElement;
  private readonly details: HTMLElement;
  private readonly submission: HTMLElement;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private under = new AbortController();
}

/** The panel as the server draws it where the choices that are filled in would be granted. */
function emptyPanel(): HTMLElement {
  const panel = element('section', 'bs-judge');
  panel.setAttribute('aria-labelledby', 'bs-judge-title');
  const title = element('h2', '', 'This request');
  title.id = 'bs-judge-title';
  const submission = element('pre', 'bs-submission');
  submission.tabIndex = 0;
  submission.setAttribute('aria-label', 'What will be submitted');
  const details = element('details', '');
  details.append(element('summary', '', 'What will be submitted'), submission);
  details.hidden = true;
  const facts = element('dl', '');
  facts.hidden = true;
  panel.append(title, facts, details);
  return panel;
}

function element(tag: string, className: string, text = ''): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function row({ label, words, time }: IFact): HTMLElement[] {
  const term = element('dt', '', label);
  const value = element('dd', '', words);
  if (time) {
    const shown = document.createElement('time');
    shown.dateTime = time;
    inOwnZone(shown);
    value.append(words ? ' ' : '', shown);
  }
  return [term, value];
}
