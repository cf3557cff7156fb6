"""The report as a DICOM object: an Encapsulated PDF (PS3.3 A.45.1) in the study of its images."""

from datetime import UTC, datetime
from pathlib import Path

from amcnet.errors import OutputError
from amcnet.io import atomic_path
from amcnet.io.verified_files import verified_file
from amcnet.version import __version__

ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_SERIES_NUMBER = 901
# Attributes of patient and study, copied from the images; the first five are required.
_COPIED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "IssuerOfPatientID",
    "SpecificCharacterSet",
    "StudyDescription",
)
_OPTIONAL = ("IssuerOfPatientID", "SpecificCharacterSet", "StudyDescription")


def write_encapsulated_report(path: Path, image: Path, pdf: bytes) -> None:
    """Write a PDF as a DICOM object of the same patient and study as an image.

    Args:
        path: The object.
        image: One of the images.
        pdf: The document.

    Raises:
        OutputError: If the object cannot be written.
    """
    from pydicom import dcmread
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, generate_uid

    source = dcmread(image, stop_before_pixels=True, specific_tags=list(_COPIED))
    now, document = datetime.now(UTC), Dataset()
    for name in _COPIED:
        if name in source or name not in _OPTIONAL:
            setattr(document, name, source.get(name, ""))
    document.SOPClassUID, document.SOPInstanceUID = ENCAPSULATED_PDF, generate_uid()
    document.SeriesInstanceUID = generate_uid()
    document.SeriesNumber, document.InstanceNumber = _SERIES_NUMBER, 1
    document.Modality, document.ConversionType = "DOC", "WSD"
    document.Manufacturer, document.ManufacturerModelName = "amcnet", "amcnet"
    document.SoftwareVersions = __version__
    document.SeriesDescription = "Segmentation report"
    document.DocumentTitle = "Segmentation report"
    document.ConceptNameCodeSequence = []
    document.BurnedInAnnotation = "NO"
    document.ContentDate, document.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    document.AcquisitionDateTime = ""
    document.MIMETypeOfEncapsulatedDocument = "application/pdf"
    document.EncapsulatedDocumentLength = len(pdf)
    document.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    document.file_meta = FileMetaDataset()
    document.file_meta.TransferSyntaxUID = UID(_EXPLICIT_LITTLE_ENDIAN)
    document.file_meta.MediaStorageSOPClassUID = UID(ENCAPSULATED_PDF)
    document.file_meta.MediaStorageSOPInstanceUID = document.SOPInstanceUID
    try:
        with atomic_path(path) as temporary, verified_file(temporary) as file:
            document.save_as(file, enforce_file_format=True)
    except (ValueError, TypeError) as error:
        raise OutputError(f"{path.name}: the report cannot be written ({error})") from error
