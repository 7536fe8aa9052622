/** The cards' words as the hub tells them now, and the countdowns in between. */

import type { Model } from './model';
import { duration } from './spans';
import type { ICard } from './wire';

export class Cards {
  constructor(
    private readonly form: HTMLElement,
    private readonly model: Model
  ) {}

  /** Draw what the hub told last. */
  draw(): void {
    for (const [field, cards] of Object.entries(this.model.live?.cards ?? {})) {
      this.drawGroup(field, cards);
    }
    this.count();
  }

  /** A reservation that does not go with the other choices says why and cannot be chosen; one that is chosen stays so. */
  weigh(texts: [string, string][]): void {
    for (const input of this.inputs('reservation')) {
      const reason = input.value ? this.model.against('reservation', input.value, texts) : '';
      setWhyNot(cardOf(input), reason);
      input.disabled = input.dataset['shut'] !== undefined || (reason !== '' && !input.checked);
    }
  }

  /** The countdowns on the cards of reservations; no screen reader is told of every minute. */
  count(): void {
    for (const input of this.inputs('reservation')) {
      const times = this.model.times(input.value);
      if (times) {
        const words = times.opens > 0 ? `starts in ${duration(times.opens)}` : `${duration(times.ends)} left`;
        setBadge(cardOf(input), words, times.opens > 0 ? 'later' : 'now');
      }
    }
  }

  private drawGroup(field: string, cards: ICard[]): void {
    const inputs = this.inputs(field);
    const group = inputs[0]?.closest('.bs-cards');
    const known = new Map(inputs.map(input => [input.value, input]));
    for (const card of cards) {
      let input = known.get(card.value);
      if (!input && inputs[0] && group) {
        input = copyOf(inputs[0], card.value);
        group.append(cardOf(input));
      }
      if (input) {
        drawCard(input, card);
      }
    }
    const told = new Set(cards.map(card => card.value));
    inputs.filter(input => input.value && !told.has(input.value)).forEach(withdraw);
  }

  private inputs(field: string): HTMLInputElement[] {
    return [...this.form.querySelectorAll<HTMLInputElement>(`.bs-cards input[name="${field}"]`)];
  }
}

function cardOf(input: HTMLInputElement): HTMLElement {
  return input.closest<HTMLElement>('.bs-card') ?? input;
}

/** A further card of the same group, unchosen. */
function copyOf(first: HTMLInputElement, value: string): HTMLInputElement {
  const card = cardOf(first).cloneNode(true) as HTMLElement;
  const input = card.querySelector('input') as HTMLInputElement;
  input.value = value;
  input.checked = false;
  input.removeAttribute('id');
  return input;
}

function drawCard(input: HTMLInputElement, card: ICard): void {
  const label = cardOf(input);
  shut(input, !card.usable);
  setText(label.querySelector('.bs-card-title'), card.title);
  setBadge(label, card.badge, card.tone);
  const facts = label.querySelector('.bs-card-facts');
  const words = card.facts.join(' · ') + (card.until ? `${card.facts.length ? ' · ' : ''}${card.until_words.toLowerCase()} ` : '');
  if (facts && facts.getAttribute('data-told') !== words + (card.until ?? '')) {
    facts.setAttribute('data-told', words + (card.until ?? ''));
    facts.replaceChildren(words, ...(card.until ? [timeOf(card.until)] : []));
  }
}

function timeOf(iso: string): HTMLTimeElement {
  const time = document.createElement('time');
  time.dateTime = iso;
  inOwnZone(time);
  return time;
}

/** Times arrive in UTC; show one in the reader's own zone, which is named. */
export function inOwnZone(time: HTMLTimeElement): void {
  const shown: Intl.DateTimeFormatOptions = {
    weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', timeZoneName: 'short'
  };
  time.textContent = new Date(time.dateTime).toLocaleString([], shown);
}

/** A choice that the facility no longer tells of stays in its place, so that nothing moves under the pointer. */
function withdraw(input: HTMLInputElement): void {
  shut(input, true);
  setBadge(cardOf(input), 'no longer offered', 'later');
}

/** The facility takes nobody here at the moment, whatever else is chosen. */
function shut(input: HTMLInputElement, isShut: boolean): void {
  input.toggleAttribute('data-shut', isShut);
  input.disabled = isShut;
}

function setWhyNot(card: HTMLElement, reason: string): void {
  const words = card.querySelector('.bs-why-not');
  if (!reason) {
    words?.remove();
  } else if (words) {
    setText(words, reason);
  } else {
    const said = document.createElement('span');
    said.className = 'bs-why-not';
    said.textContent = reason;
    card.append(said);
  }
}

function setBadge(card: HTMLElement, words: string, tone: string): void {
  let badge = card.querySelector<HTMLElement>('.bs-badge');
  if (!words) {
    badge?.remove();
    return;
  }
  if (!badge) {
    badge = document.createElement('span');
    card.querySelector('.bs-card-title')?.after(badge);
  }
  badge.className = `bs-badge bs-${tone}`;
  setText(badge, words);
}

function setText(element: Element | null, text: string): void {
  if (element && element.textContent !== text) {
    element.textContent = text;
  }
}
