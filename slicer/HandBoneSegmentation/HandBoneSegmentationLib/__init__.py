"""Parts of the module Hand Bone Segmentation; none of them imports amcnet."""
