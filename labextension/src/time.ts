import type { TranslationBundle } from '@jupyterlab/translation';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Milliseconds until `ends`, never negative; null where there is no end. */
export function timeLeft(ends: string | null, now: number): number | null {
  return ends === null ? null : Math.max(Date.parse(ends) - now, 0);
}

/** A length of time in two units at most, and in minutes and seconds for the last ten minutes. */
export function inWords(milliseconds: number, trans: TranslationBundle): string {
  if (milliseconds >= DAY) {
    return trans.__('%1 d %2 h', Math.floor(milliseconds / DAY), Math.floor((milliseconds % DAY) / HOUR));
  }
  if (milliseconds >= HOUR) {
    return trans.__('%1 h %2 min', Math.floor(milliseconds / HOUR), Math.floor((milliseconds % HOUR) / MINUTE));
  }
  if (milliseconds >= 10 * MINUTE) {
    return trans.__('%1 min', Math.floor(milliseconds / MINUTE));
  }
  const seconds = Math.floor((milliseconds % MINUTE) / 1000);
  return `${Math.floor(milliseconds / MINUTE)}:${String(seconds).padStart(2, '0')}`;
}

/** How long ago a moment was, to the minute. */
export function ago(when: string, now: number, trans: TranslationBundle): string {
  const minutes = Math.floor(Math.max(now - Date.parse(when), 0) / MINUTE);
  if (minutes < 1) {
    return trans.__('just now');
  }
  return minutes < 10 ? trans.__('%1 min ago', minutes) : trans.__('%1 ago', inWords(minutes * MINUTE, trans));
}

/** A moment in the reader's zone, with the zone shown; the day only where it is not today. */
export function moment(when: string): string {
  const date = new Date(when);
  const isToday = date.toDateString() === new Date().toDateString();
  const day: Intl.DateTimeFormatOptions = isToday ? {} : { month: 'short', day: 'numeric' };
  return new Intl.DateTimeFormat(undefined, {
    ...day,
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short'
  }).format(date);
}
