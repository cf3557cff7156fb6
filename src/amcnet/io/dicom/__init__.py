"""Read DICOM series and enhanced volumes; read and write DICOM segmentations."""

from amcnet.io.dicom.locations import DICOM_EXTENSIONS, is_dicom
from amcnet.io.dicom.seg_reading import merge_frames, open_seg
from amcnet.io.dicom.seg_writing import SegType, write_seg
from amcnet.io.dicom.series import Series, is_series_folder, list_series
from amcnet.io.dicom.source import DicomGeometry, DicomSource, FrameReference, dicom_source_of
from amcnet.io.dicom.volumes import read_dicom_geometry, read_dicom_volume

__all__ = [
    "DICOM_EXTENSIONS",
    "DicomGeometry",
    "DicomSource",
    "FrameReference",
    "SegType",
    "Series",
    "dicom_source_of",
    "is_dicom",
    "is_series_folder",
    "list_series",
    "merge_frames",
    "open_seg",
    "read_dicom_geometry",
    "read_dicom_volume",
    "write_seg",
]
