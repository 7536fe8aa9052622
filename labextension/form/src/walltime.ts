/** The walltime field never promises more than the other choices allow. */

import type { Fields } from './fields';
import type { Model } from './model';
import { asHours } from './spans';

/** Tell the longest walltime under the field; shorten one that is longer. Returns what to say, if it was. */
export function capWalltime(fields: Fields, model: Model, usual: number): string {
  const field = fields.text('walltime');
  const texts = fields.texts();
  const longest = model.longest(texts.filter(([name]) => name !== 'walltime'));
  if (!field || !longest || longest.minutes < 1) {
    return '';
  }
  const most = asHours(longest.minutes);
  field.placeholder = asHours(Math.min(usual, longest.minutes));
  const hint = field.closest('.bs-field')?.querySelector('.bs-hint');
  if (hint) {
    hint.textContent = `Up to ${most} with these choices.`;
  }
  const written = model.walltime(texts);
  if (written === null || written <= longest.minutes) {
    return '';
  }
  field.value = most;
  return `Walltime shortened to ${most}: ${longest.reason}`;
}
