import { LabIcon } from '@jupyterlab/ui-components';

import type { Kind } from './words';

/** A 16 px icon in the colour of the text beside it. */
function icon(name: string, body: string): LabIcon {
  const svgstr = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" width="16" height="16"><g fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round">${body}</g></svg>`;
  return new LabIcon({ name: `beamside:${name}`, svgstr });
}

const RING = '<circle cx="8" cy="8" r="6"/>';

export const jobsIcon = new LabIcon({
  name: 'beamside:jobs',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" width="16"><g class="jp-icon3" fill="#616161"><rect x="1" y="2" width="14" height="3" rx="1"/><rect x="1" y="6.5" width="9" height="3" rx="1"/><rect x="1" y="11" width="12" height="3" rx="1"/></g></svg>'
});

export const clockIcon = icon('clock', `${RING}<path d="M8 4.5V8l2.5 1.5"/>`);
export const warningIcon = icon('warning', '<path d="M8 2 15 14H1Z"/><path d="M8 6.5v3.5M8 12v.1"/>');

/** One shape a kind of state, so that none depends on colour. */
export const stateIcons: Record<Kind, LabIcon> = {
  waiting: icon('waiting', `${RING}<path d="M8 4.5V8l2.5 1.5"/>`),
  running: icon('running', `${RING}<path d="M6.5 5.3 11 8l-4.5 2.7Z" fill="currentColor" stroke="none"/>`),
  done: icon('done', `${RING}<path d="m5.2 8.2 2 2 3.6-4"/>`),
  cancelled: icon('cancelled', `${RING}<path d="m4 12 8-8"/>`),
  failed: icon('failed', `${RING}<path d="m5.8 5.8 4.4 4.4M10.2 5.8l-4.4 4.4"/>`),
  unknown: icon('unknown', `${RING}<path d="M6.3 6.3a1.8 1.8 0 1 1 2.4 1.7c-.5.2-.7.5-.7 1M8 11.3v.1"/>`)
};
