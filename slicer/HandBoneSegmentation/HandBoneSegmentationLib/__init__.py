"""What the module Hand Bone Segmentation is made of; none of it imports amcnet."""
