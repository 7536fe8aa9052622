import type { DocumentRegistry } from '@jupyterlab/docregistry';

/** What became of the documents that had changes which were not saved, by path. */
export interface ISaved {
  saved: string[];
  failed: string[];
}

/** Save what is open among `widgets`, has changes and may be written; one that fails holds up no other. */
export async function saveChanged(widgets: Iterable<object>): Promise<ISaved> {
  const found: ISaved = { saved: [], failed: [] };
  await Promise.all(
    changed(widgets).map(async context => {
      try {
        await context.save();
        (context.model.dirty ? found.failed : found.saved).push(context.path);
      } catch {
        found.failed.push(context.path);
      }
    })
  );
  return found;
}

/** Each document once, however many views it has. */
function changed(widgets: Iterable<object>): DocumentRegistry.Context[] {
  const found = new Set<DocumentRegistry.Context>();
  for (const widget of widgets) {
    if (isDocument(widget) && widget.context.model.dirty && widget.context.contentsModel?.writable) {
      found.add(widget.context);
    }
  }
  return [...found];
}

function isDocument(widget: object): widget is { context: DocumentRegistry.Context } {
  const context = (widget as { context?: Partial<DocumentRegistry.Context> }).context;
  return typeof context?.save === 'function' && context.model !== undefined;
}
