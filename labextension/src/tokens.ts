import { Token } from '@lumino/coreutils';

import type { JobsModel } from './model';

/** Ids of our commands; docs/reference/lab.md lists them. */
export namespace CommandIDs {
  /** Show the jobs panel. */
  export const open = 'beamside:open-jobs';
  /** Cancel a job after a confirmation: `jobId`, or the one selected in the panel. */
  export const cancel = 'beamside:cancel-job';
  /** Ask the server for all jobs now. */
  export const refresh = 'beamside:refresh-jobs';
}

/** Ids of our plugins. */
export namespace PluginIDs {
  export const model = '@beamside/lab:model';
  export const jobs = '@beamside/lab:jobs';
  export const session = '@beamside/lab:session';
  export const notices = '@beamside/lab:notices';
  export const connectionLost = '@beamside/lab:connection-lost';
}

/** The one model of jobs that every view reads. */
export const IJobsModel = new Token<JobsModel>('@beamside/lab:IJobsModel', "The user's jobs, live.");
