import type { TranslationBundle } from '@jupyterlab/translation';

import type { IJob } from './wire';

/** How a state is drawn: by icon and word together, never by colour alone. */
export type Kind = 'waiting' | 'running' | 'done' | 'cancelled' | 'failed' | 'unknown';

/** What kind of state a job is in; a word that nobody knows yet is drawn as unknown. */
export function kindOf(job: IJob): Kind {
  if (job.is_waiting) {
    return 'waiting';
  }
  switch (job.state) {
    case 'UNKNOWN':
      return 'unknown';
    case 'COMPLETED':
      return 'done';
    case 'CANCELLED':
    case 'PREEMPTED':
    case 'REVOKED':
      return 'cancelled';
    default:
      return job.is_final ? 'failed' : 'running';
  }
}

/** The state as a word for people; source: squeue(1), JOB STATE CODES. */
export function stateInWords(job: IJob, trans: TranslationBundle): string {
  const words: Record<string, string> = {
    PENDING: trans.__('Waiting'),
    CONFIGURING: trans.__('Nodes are starting'),
    RUNNING: trans.__('Running'),
    SUSPENDED: trans.__('Suspended'),
    STOPPED: trans.__('Stopped'),
    COMPLETING: trans.__('Ending'),
    STAGE_OUT: trans.__('Copying files out'),
    SIGNALING: trans.__('Being signalled'),
    RESIZING: trans.__('Changing size'),
    REQUEUED: trans.__('Requeued'),
    REQUEUE_FED: trans.__('Requeued'),
    REQUEUE_HOLD: trans.__('Requeued and held'),
    RESV_DEL_HOLD: trans.__('Held: reservation deleted'),
    SPECIAL_EXIT: trans.__('Requeued after a special exit'),
    COMPLETED: trans.__('Completed'),
    CANCELLED: trans.__('Cancelled'),
    FAILED: trans.__('Failed'),
    TIMEOUT: trans.__('Out of time'),
    NODE_FAIL: trans.__('Node failed'),
    BOOT_FAIL: trans.__('Node did not start'),
    DEADLINE: trans.__('Past its deadline'),
    OUT_OF_MEMORY: trans.__('Out of memory'),
    PREEMPTED: trans.__('Preempted'),
    REVOKED: trans.__('Revoked'),
    LAUNCH_FAILED: trans.__('Could not be started'),
    RECONFIG_FAIL: trans.__('Nodes could not be configured')
  };
  return words[job.state] ?? trans.__('Unknown state %1', printable(job.state_word));
}

const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** Text of a user's as it is: characters that hide, or that turn the text around, are shown by their number. */
export function printable(text: string): string {
  return text.replace(INVISIBLE, found => `<U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}>`);
}
