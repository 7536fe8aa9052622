import type { TranslationBundle } from '@jupyterlab/translation';

import type { Notice } from './notices';
import type { ISaved } from './saving';
import { moment } from './time';
import type { IAhead, IJob, IOutage } from './wire';
import { printable } from './words';

const MINUTE = 60_000;

/** JupyterLab cuts a notice after 140 characters, so that names and words of others get this much of it. */
const NAME = 24;
const WORDS = 50;

/** A notice as people read it: what happens, when in their own zone, and what to do. */
export function sentence(notice: Notice, ahead: IAhead, job: IJob | null, now: number, trans: TranslationBundle): string {
  switch (notice.kind) {
    case 'end':
      return `${ending(ahead, job, now, trans)} ${trans.__('Save your work.')}`;
    case 'reservation-gone':
      return trans.__(
        'The reservation %1 is no longer there: this session may end at any moment. Save your work.',
        clipped(job?.reservation ?? '', NAME)
      );
    case 'outage':
      return outage(notice.outage, trans);
  }
}

/** When the session ends, and with what. */
export function ending(ahead: IAhead, job: IJob | null, now: number, trans: TranslationBundle): string {
  const left = ahead.ends === null ? 0 : Date.parse(ahead.ends) - now;
  if (ahead.ends === null || left <= 0) {
    return trans.__('This session may end at any moment.');
  }
  const minutes = Math.ceil(left / MINUTE);
  const when = moment(ahead.ends);
  if (ahead.by === 'reservation') {
    const name = clipped(job?.reservation ?? '', NAME);
    return trans._n(
      'This session ends with its reservation %2 at %3, in %1 minute.',
      'This session ends with its reservation %2 at %3, in %1 minutes.',
      minutes,
      name,
      when
    );
  }
  return trans._n(
    'This session ends at %2, in %1 minute: the time of its job is used up.',
    'This session ends at %2, in %1 minutes: the time of its job is used up.',
    minutes,
    when
  );
}

/** The last minute's notice, once what had changes was saved. */
export function saved(ends: string, became: ISaved, trans: TranslationBundle): string {
  return trans.__('This session ends at %1. %2', moment(ends), outcome(became, trans));
}

function outcome({ saved, failed }: ISaved, trans: TranslationBundle): string {
  if (failed.length > 0) {
    const names = clipped(failed.map(path => path.split('/').at(-1)).join(', '), NAME);
    return trans.__('Not saved: %1. Download it now.', names);
  }
  const count = saved.length;
  return count === 0
    ? trans.__('Nothing was unsaved.')
    : trans._n('Your changed document was saved.', 'Your %1 changed documents were saved.', count);
}

function outage({ resource, starts, description, state }: IOutage, trans: TranslationBundle): string {
  const about = resource ? clipped(resource.replace(':', ' '), NAME) : trans.__('The whole facility');
  const words = clipped(description, WORDS);
  return state === 'degraded'
    ? trans.__('%1 works only in part from %2: %3', about, moment(starts), words)
    : trans.__('%1 is out of order from %2: %3', about, moment(starts), words);
}

function clipped(text: string, most: number): string {
  const shown = printable(text);
  return shown.length > most ? `${shown.slice(0, most - 1)}…` : shown;
}
