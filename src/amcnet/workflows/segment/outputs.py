"""Write the labels of a volume: a file or a folder of masks, and a second file."""

from amcnet.inference import Segmentation
from amcnet.workflows.segment.masks import MASK_EXTENSION, write_each
from amcnet.workflows.segment.options import Job, SegmentOptions


def write_outputs(job: Job, options: SegmentOptions, result: Segmentation) -> None:
    """Write the labels to all requested files.

    Raises:
        OutputError: If one cannot be written.
    """
    if options.separate:
        extension = options.extension or MASK_EXTENSION
        write_each(result, job.target, extension, options.overwrite)
    else:
        result.write(job.target, options.overwrite, options.seg_type)
    if job.also is not None:
        result.write(job.also, options.overwrite, options.seg_type)
