import type { IAhead, IOutage } from './wire';

const MINUTE = 60_000;

/** Minutes before the end at which people are told, the last first. */
export const WARNINGS: readonly number[] = [1, 5, 15];

/** The one of them at which documents are saved without asking. */
export const LAST = 1;

/** An end must move by more than this before its warnings count as not told, so that a corrected clock repeats none. */
const SLACK = 30_000;

/** What one tab has told of one session. */
export interface ITold {
  job: string;
  /** The last warning that was told; null where none, or where the end has moved away since. */
  minutes: number | null;
  outages: string[];
  isReservationGone: boolean;
}

/** Something to tell. */
export type Notice =
  | { kind: 'end'; minutes: number }
  | { kind: 'reservation-gone' }
  | { kind: 'outage'; outage: IOutage };

/** What is to be told now, what will have been told then, and whether the end is near at all. */
export interface IVerdict {
  notices: Notice[];
  told: ITold;
  isSoon: boolean;
}

/**
 * What there is to tell at `now`, in milliseconds. Each warning is told once a session; of those that a page which is
 * opened late has missed only the nearest is. Where the end moves the warnings begin anew.
 */
export function judge(job: string, ahead: IAhead, now: number, before: ITold | null): IVerdict {
  const told = before?.job === job ? before : { job, minutes: null, outages: [], isReservationGone: false };
  const left = ahead.ends === null ? Infinity : Date.parse(ahead.ends) - now;
  const nearest = WARNINGS.find(minutes => left <= minutes * MINUTE) ?? null;
  const still = told.minutes !== null && left <= told.minutes * MINUTE + SLACK ? told.minutes : null;
  const isNew = nearest !== null && (still === null || nearest < still);
  const outages = ahead.outages.filter(({ id }) => !told.outages.includes(id));
  const notices: Notice[] = outages.map(outage => ({ kind: 'outage', outage }));
  if (ahead.is_reservation_gone && !told.isReservationGone) {
    notices.push({ kind: 'reservation-gone' });
  }
  if (isNew) {
    notices.push({ kind: 'end', minutes: nearest });
  }
  return {
    notices,
    told: {
      job,
      minutes: isNew ? nearest : still,
      outages: [...told.outages, ...outages.map(({ id }) => id)],
      isReservationGone: ahead.is_reservation_gone
    },
    isSoon: nearest !== null || still !== null
  };
}

/** Milliseconds until the next warning is due; null where none is to come. */
export function untilNext(ahead: IAhead, now: number): number | null {
  const left = ahead.ends === null ? Infinity : Date.parse(ahead.ends) - now;
  const next = WARNINGS.filter(minutes => minutes * MINUTE < left).at(-1);
  return next === undefined || left === Infinity ? null : left - next * MINUTE;
}
