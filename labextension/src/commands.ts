import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';

import type { JobsModel } from './model';
import { CommandIDs } from './tokens';
import { printable } from './words';

/** Add the commands of the panel; `open` shows it. */
export function addCommands(
  commands: CommandRegistry,
  model: JobsModel,
  trans: TranslationBundle,
  open: () => void
): void {
  const nothing = { args: { type: 'object', properties: {} } };
  commands.addCommand(CommandIDs.open, {
    label: trans.__('Show Jobs'),
    caption: trans.__('Show your jobs on the supercomputer'),
    describedBy: nothing,
    execute: open
  });
  commands.addCommand(CommandIDs.refresh, {
    label: trans.__('Ask for Jobs Now'),
    caption: trans.__('Ask the server for all jobs now; changes come by themselves'),
    describedBy: nothing,
    execute: () => model.refresh()
  });
  commands.addCommand(CommandIDs.cancel, {
    label: trans.__('Cancel Job…'),
    caption: trans.__('End a job, after a confirmation'),
    describedBy: {
      args: {
        type: 'object',
        properties: {
          jobId: { type: 'string', description: trans.__('The id of the job; by default the one selected in the panel') }
        }
      }
    },
    isEnabled: args => model.job(jobIdOf(args, model))?.is_final === false,
    execute: args => cancel(jobIdOf(args, model), model, trans)
  });
}

function jobIdOf(args: { jobId?: unknown }, model: JobsModel): string {
  return typeof args.jobId === 'string' ? args.jobId : model.selected;
}

/** Cancel after a confirmation; a refusal is shown with the scheduler's words. */
async function cancel(jobId: string, model: JobsModel, trans: TranslationBundle): Promise<void> {
  const answer = await showDialog({
    title: trans.__('Cancel job %1?', jobId),
    body: consequence(jobId, model, trans),
    buttons: [Dialog.cancelButton({ label: trans.__('Keep Job') }), Dialog.warnButton({ label: trans.__('Cancel Job') })],
    defaultButton: 0
  });
  if (!answer.button.accept) {
    return;
  }
  try {
    await model.cancel(jobId);
  } catch (reason) {
    const words = reason instanceof Error ? reason.message : String(reason);
    Notification.error(trans.__('Job %1 was not cancelled. %2', jobId, words));
  }
}

function consequence(jobId: string, model: JobsModel, trans: TranslationBundle): string {
  if (jobId === model.sessionJobId) {
    return trans.__('This JupyterLab runs in that job. It ends with it, with all its kernels; save your work first.');
  }
  return trans.__('“%1” ends now, and what it has not written is lost.', printable(model.job(jobId)?.name ?? ''));
}
